//! What the rows say: whether they can be read and written, and whether calls have a way in and a way out.

use std::path::Path;
use std::time::Duration;

use ringfence_model::{Account, NumberState, Server, Timestamp, Trunk};
use ringfence_platform::now;
use ringfence_platform::phones::user_of;
use ringfence_store::{Db, StoreError};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::Finding;
use crate::config::Config;

/// Targets whose names are looked up; the rest is taken on trust.
const MOST_TARGETS: usize = 200;
/// For one name.
const PATIENCE: Duration = Duration::from_secs(3);

/// A server that was seen longer ago is told of.
const SILENT_AFTER: Duration = Duration::from_secs(30);

const SIP_PORT: u16 = 5060;

pub async fn database(config: &Config) -> Vec<Finding> {
    let what = "database";
    let url = config.database_url();
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path
            .trim_start_matches("//")
            .split('?')
            .next()
            .unwrap_or_default();
        if !Path::new(path).exists() {
            let remedy = "ringfence migrate makes it, and so does ringfence serve";
            return vec![Finding::doubtful(
                what,
                format!("there is no {path} yet"),
                remedy,
            )];
        }
    }
    let db = match Db::open(&url).await {
        Ok(db) => db,
        Err(error) => {
            let remedy = "start it, or set database.url; its user needs the right to make tables";
            return vec![Finding::wrong(what, error.to_string(), remedy)];
        }
    };
    let mut findings = match opened(&db).await {
        Ok(finding) => vec![finding],
        Err(finding) => {
            db.close().await;
            return vec![finding];
        }
    };
    if db.is_shared() {
        findings.push(
            servers(&db).await.unwrap_or_else(|error| {
                Finding::wrong(what, error.to_string(), "ringfence migrate")
            }),
        );
    }
    match db.accounts().await {
        Ok(accounts) if accounts.is_empty() => {
            let remedy =
                "ringfence user add --email YOU@EXAMPLE.COM makes an account and its first user";
            findings.push(Finding::doubtful("accounts", "there is none yet", remedy));
        }
        Ok(accounts) => {
            for account in accounts {
                findings.extend(of_account(&db, &account).await.unwrap_or_else(|error| {
                    vec![Finding::wrong(what, error.to_string(), "ringfence migrate")]
                }));
            }
        }
        Err(error) => findings.push(Finding::wrong(what, error.to_string(), "ringfence migrate")),
    }
    db.close().await;
    findings
}

async fn opened(db: &Db) -> Result<Finding, Finding> {
    let what = "database";
    db.ping().await.map_err(|error| {
        Finding::wrong(what, error.to_string(), "start it, or set database.url")
    })?;
    let of_another_version = |error: StoreError| {
        Finding::wrong(
            what,
            format!("its tables are not of this version: {error}"),
            "ringfence migrate",
        )
    };
    db.accounts().await.map_err(of_another_version)?;
    let due = db.accounts_without_call_sums().await;
    let due = due.map_err(of_another_version)?.len();
    if due > 0 {
        return Err(Finding::wrong(
            what,
            format!("the sums of calls are not made yet for {due} accounts: reports lack calls"),
            "ringfence migrate",
        ));
    }
    // Nothing ended before 1970: this writes, and changes no row.
    db.purge_sessions(Timestamp::from_micros(0)).await.map_err(|error| {
        let remedy = "let the program's user write to it, and look for a full disk or another program's lock";
        Finding::wrong(what, format!("it can be read, but not written to: {error}"), remedy)
    })?;
    Ok(Finding::fine(
        what,
        format!("{}, reachable, migrated and writable", db.engine_name()),
    ))
}

/// Who works over these rows, and whether somebody looks after what each left open.
async fn servers(db: &Db) -> Result<Finding, StoreError> {
    let what = "servers";
    let now = now();
    let known = db.servers(now).await?;
    let (running, left): (Vec<_>, Vec<_>) = known.iter().partition(|server| server.is_running());
    let silent: Vec<&str> = running
        .iter()
        .filter(|server| now.since(server.seen_at) > SILENT_AFTER)
        .map(|server| server.name.as_str())
        .collect();
    let seen = |server: &&Server| {
        let ago = now.since(server.seen_at).as_secs();
        format!("{} seen {ago} s ago", server.name)
    };
    let found = match running.iter().map(seen).collect::<Vec<_>>() {
        none if none.is_empty() => "none runs".to_owned(),
        some => some.join(", "),
    };
    Ok(if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|server| server.name.as_str()).collect();
        Finding::doubtful(
            what,
            format!("{found}; calls of {} are not closed yet", names.join(", ")),
            "start that server or any other: it closes them",
        )
    } else if silent.is_empty() {
        Finding::fine(what, found)
    } else {
        Finding::doubtful(
            what,
            found,
            format!(
                "{} may have been killed, or its clock differs: start it or any other server, which closes its calls",
                silent.join(", ")
            ),
        )
    })
}

async fn of_account(db: &Db, account: &Account) -> Result<Vec<Finding>, StoreError> {
    let name = &account.name;
    let mut findings = Vec::new();
    let trunks = db.trunks(account.id).await?;
    let wrong: Vec<String> = trunks
        .iter()
        .flat_map(|trunk| trunk.addresses.iter().map(move |address| (trunk, address)))
        .filter(|(_, address)| {
            address.parse::<ipnet::IpNet>().is_err() && address.parse::<std::net::IpAddr>().is_err()
        })
        .map(|(trunk, address)| format!("{address:?} of {}", trunk.name))
        .collect();
    let what = format!("trunks of {name}");
    findings.push(if trunks.is_empty() {
        Finding::doubtful(
            what,
            "there is none",
            "no call can come in: name the carrier's addresses with ringfence apply",
        )
    } else if wrong.is_empty() {
        Finding::fine(what, format!("{}, each address understood", trunks.len()))
    } else {
        let remedy = "write them as 192.0.2.7 or 192.0.2.0/28";
        Finding::wrong(what, format!("no addresses: {}", wrong.join(", ")), remedy)
    });
    findings.extend(registered(db, account, &trunks).await?);
    findings.push(targets(db, account).await?);
    findings.extend(phones(db, account).await?);
    findings.push(numbers(db, account).await?);
    Ok(findings)
}

async fn targets(db: &Db, account: &Account) -> Result<Finding, StoreError> {
    let what = format!("targets of {}", account.name);
    let targets = db.targets(account.id).await?;
    let mut wrong = Vec::new();
    for target in targets
        .iter()
        .filter(|target| target.enabled)
        .take(MOST_TARGETS)
    {
        // Numbers are the trunk's to reach, and phones say themselves where they are.
        if target.uri.starts_with("tel:") || user_of(&target.uri).is_some() {
            continue;
        }
        if let Err(why) = reachable(&target.uri).await {
            wrong.push(format!("{}: {why}", target.name));
        }
    }
    Ok(if targets.is_empty() {
        Finding::doubtful(
            what,
            "there is none",
            "no call can go out: add a target and a plan that rings it with ringfence apply",
        )
    } else if wrong.is_empty() {
        Finding::fine(what, format!("{}, each host known", targets.len()))
    } else {
        Finding::wrong(
            what,
            wrong.join("; "),
            "mend their SIP URIs, or the DNS of this machine",
        )
    })
}

/// Who is registered; nothing when the account has no phones.
async fn phones(db: &Db, account: &Account) -> Result<Option<Finding>, StoreError> {
    let phones = db.phones(account.id).await?;
    if phones.is_empty() {
        return Ok(None);
    }
    let what = format!("phones of {}", account.name);
    let registered = db.registrations(account.id, now()).await?;
    let (mut here, mut away) = (Vec::new(), Vec::new());
    for phone in &phones {
        let of_phone = registered.iter().filter(|one| one.target == phone.target);
        let places: Vec<String> = of_phone.map(|one| one.address.to_string()).collect();
        if places.is_empty() {
            away.push(phone.user.as_str());
        } else {
            here.push(format!("{} at {}", phone.user, places.join(" and ")));
        }
    }
    let found = format!("{} of {} registered", here.len(), phones.len());
    let found = if here.is_empty() {
        found
    } else {
        format!("{found}: {}", here.join(", "))
    };
    Ok(Some(if away.is_empty() {
        Finding::fine(what, found)
    } else {
        let remedy = format!(
            "calls pass by {}; docs/phones.md says how a phone is set up",
            away.join(", ")
        );
        Finding::doubtful(what, found, remedy)
    }))
}

/// How we stand at the trunks that want us to register.
async fn registered(
    db: &Db,
    account: &Account,
    trunks: &[Trunk],
) -> Result<Vec<Finding>, StoreError> {
    let now = now();
    let rows = db.trunk_registers(account.id).await?;
    let findings = rows.into_iter().map(|(register, stands)| {
        let mut named = trunks.iter().filter(|trunk| trunk.id == register.trunk);
        let name = named.next().map_or("?", |trunk| trunk.name.as_str());
        let what = format!("registration at trunk {name} of {}", account.name);
        let registrar = stands.registrar.as_deref().unwrap_or("no registrar yet");
        let left = stands.until.filter(|until| *until > now);
        let failing = stands.reason.as_deref().unwrap_or("no reason is known");
        match (left, stands.failing_since) {
            (Some(until), None) => Finding::fine(
                what,
                format!("known at {registrar} for another {} s", until.since(now).as_secs()),
            ),
            (Some(until), Some(_)) => Finding::doubtful(
                what,
                format!(
                    "known for another {} s, but not asked again with success: {registrar}: {failing}",
                    until.since(now).as_secs()
                ),
                "look at the carrier's status; ringfence serve goes on trying",
            ),
            (None, Some(since)) => Finding::wrong(
                what,
                format!(
                    "not registered for {} s: {registrar}: {failing}",
                    now.since(since).as_secs()
                ),
                "check `register`, `user` and the password of the trunk, and that this machine reaches the registrar",
            ),
            (None, None) => Finding::doubtful(
                what,
                "not registered",
                "ringfence serve registers; it does not run, or has just begun",
            ),
        }
    });
    Ok(findings.collect())
}

async fn reachable(uri: &str) -> Result<(), String> {
    let (host, port) = host_and_port(uri).ok_or_else(|| format!("{uri} is no SIP URI"))?;
    let found = timeout(PATIENCE, lookup_host((host.as_str(), port)))
        .await
        .map_err(|_| format!("{host}: DNS did not answer in {} s", PATIENCE.as_secs()))?;
    match found.map(|mut addresses| addresses.next()) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(format!("{host} has no address")),
        Err(error) => Err(format!("{host} cannot be resolved ({error})")),
    }
}

/// RFC 3261 §19.1: `sip:user:password@host:port;parameters?headers`.
fn host_and_port(uri: &str) -> Option<(String, u16)> {
    let rest = uri
        .strip_prefix("sip:")
        .or_else(|| uri.strip_prefix("sips:"))?;
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let place = place.split([';', '?']).next()?;
    let (host, port) = match place.strip_prefix('[') {
        Some(six) => {
            let (host, after) = six.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => place
            .split_once(':')
            .map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(SIP_PORT), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

async fn numbers(db: &Db, account: &Account) -> Result<Finding, StoreError> {
    let what = format!("numbers of {}", account.name);
    let numbers = db.numbers(account.id).await?;
    let used: Vec<_> = numbers
        .iter()
        .filter(|number| number.state != NumberState::Released)
        .collect();
    let planless = used.iter().filter(|number| number.plan.is_none()).count();
    Ok(if used.is_empty() {
        Finding::doubtful(what, "there is none", "ringfence number import FILE.csv")
    } else if planless > 0 {
        let found = format!("{} of {} have no plan", planless, used.len());
        Finding::doubtful(
            what,
            found,
            "calls to them are refused: give them a plan with ringfence apply",
        )
    } else {
        Finding::fine(what, format!("{}, each with a plan", used.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_sip_uri_is_found_in_every_form() {
        for (uri, host, port) in [
            (
                "sip:sales@192.0.2.10:5070;transport=tcp",
                "192.0.2.10",
                5070,
            ),
            ("sip:a:b@example.com?Subject=x", "example.com", 5060),
            ("sips:[2001:db8::1]:5061", "2001:db8::1", 5061),
        ] {
            assert_eq!(host_and_port(uri), Some((host.to_owned(), port)), "{uri}");
        }
        for bad in ["mailto:a@example.com", "sip:", "sip:a@", "sip:a@host:port"] {
            assert_eq!(host_and_port(bad), None, "{bad}");
        }
    }
}
