//! What an operator does from the command line to the rows: `migrate`, `user add`, `user reset-factor`, `number import`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use ringfence_model::Account;
use ringfence_outbound::Outbound;
use ringfence_platform::account_edit::AccountWish;
use ringfence_platform::arrangement::read_arrangement;
use ringfence_platform::number_import;
use ringfence_platform::{Keys, Platform, now, secret};
use ringfence_store::Db;

use crate::accounts::said;
use crate::cli::{Apply, NumberImport, UserAdd, UserNamed};
use crate::config::Config;
use crate::serve;

/// Octets of randomness in a password that is made here: 128 bits.
const PASSWORD_OCTETS: usize = 16;

/// Brings the tables to this version.
///
/// # Errors
/// When the database cannot be opened or a migration fails.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let db = database(config).await?;
    println!("the tables in {} are of this version", db.engine_name());
    db.close().await;
    Ok(())
}

/// Adds a user, and the account when there is none yet; prints the password that it made.
///
/// # Errors
/// When the mail address is taken, the password is too short, or the account is not clear.
pub async fn user_add(config: &Config, add: &UserAdd) -> anyhow::Result<()> {
    let (password, made) = password(add)?;
    let platform = platform(config).await?;
    let account = account_or_new(&platform, add).await?;
    let name = add.name.as_deref().unwrap_or(&add.email);
    let user = platform
        .add_user(account.id, &add.email, name, add.role, &password, now())
        .await?;
    if add.operator {
        platform
            .db
            .add_operator(user.account, user.id, now())
            .await?;
    }
    println!(
        "{} may sign in to {} as {}",
        user.email,
        account.name,
        user.role.as_str()
    );
    if made {
        println!("password: {password}");
    }
    platform.db.close().await;
    Ok(())
}

/// Takes a user's second factor away; the user's sessions end.
///
/// # Errors
/// When nobody signs in with that mail address.
pub async fn user_reset_factor(config: &Config, named: &UserNamed) -> anyhow::Result<()> {
    let platform = platform(config).await?;
    let user = platform.db.user_by_email(&named.email).await?;
    let user = user.with_context(|| {
        format!(
            "expected the mail address of a user, got {:?}; nobody signs in with it",
            named.email
        )
    })?;
    if platform.reset_second_factor(&user).await? {
        println!(
            "{} has no second factor any more, and is signed out everywhere",
            user.email
        );
    } else {
        println!("{} had no second factor", user.email);
    }
    platform.db.close().await;
    Ok(())
}

/// Adds the numbers of a file, or none of them.
///
/// # Errors
/// Every wrong line.
pub async fn number_import(config: &Config, import: &NumberImport) -> anyhow::Result<()> {
    let file = File::open(&import.file)
        .with_context(|| format!("expected to read numbers from {}", import.file.display()))?;
    let db = database(config).await?;
    let account = account(&db, import.account.as_deref()).await?;
    let count = number_import::import_numbers(&db, &account, BufReader::new(file), now())
        .await
        .with_context(|| import.file.display().to_string())?;
    println!("{count} numbers imported into {}", account.name);
    db.close().await;
    Ok(())
}

/// Brings an account to what a file says.
///
/// # Errors
/// Everything that is wrong with the file.
pub async fn apply(config: &Config, apply: &Apply) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&apply.file).with_context(|| {
        format!(
            "expected to read an arrangement from {}",
            apply.file.display()
        )
    })?;
    let arrangement =
        read_arrangement(&text, &apply.file).with_context(|| apply.file.display().to_string())?;
    let platform = platform(config).await?;
    let account = account(&platform.db, apply.account.as_deref()).await?;
    let changes = platform
        .arrange(&account, &arrangement, now())
        .await
        .with_context(|| apply.file.display().to_string())?;
    for change in &changes {
        println!("{change}");
    }
    if changes.is_empty() {
        println!("{} is as the file says", account.name);
    }
    platform.db.close().await;
    Ok(())
}

pub(crate) async fn database(config: &Config) -> anyhow::Result<Db> {
    crate::server::make_folder(&config.data_folder)?;
    let db = Db::open(&config.database_url())
        .await
        .context("opening the database")?;
    db.migrate()
        .await
        .context("bringing the tables to this version")?;
    Ok(db)
}

pub(crate) async fn platform(config: &Config) -> anyhow::Result<Arc<Platform>> {
    let plan = serve::plan(config)?;
    let db = database(config).await?;
    let keys = Keys::from_master(&plan.master_key);
    let outbound = Outbound::new(plan.outbound);
    Ok(Platform::beside(db, outbound, plan.settings, keys))
}

pub(crate) async fn account(db: &Db, name: Option<&str>) -> anyhow::Result<Account> {
    let mut accounts = db.accounts().await?;
    let names: Vec<String> = accounts
        .iter()
        .map(|account| account.name.clone())
        .collect();
    match name {
        Some(name) => accounts
            .into_iter()
            .find(|account| account.name == name)
            .with_context(|| {
                format!(
                    "expected one of the accounts ({}), got {name:?}",
                    names.join(", ")
                )
            }),
        None if accounts.len() == 1 => Ok(accounts.remove(0)),
        None if accounts.is_empty() => {
            bail!("expected an account, but there is none; `ringfence user add` makes one")
        }
        None => bail!("expected --account with one of {}", names.join(", ")),
    }
}

async fn account_or_new(platform: &Platform, add: &UserAdd) -> anyhow::Result<Account> {
    let name = add.account.as_deref();
    let accounts = platform.db.accounts().await?;
    let known = name.is_none_or(|name| accounts.iter().any(|account| account.name == name));
    if known && !accounts.is_empty() {
        ensure!(
            add.country.is_none() && add.time_zone.is_none(),
            "the account is there already: `ringfence account change` changes its country and time zone"
        );
        return account(&platform.db, name).await;
    }
    let zone = jiff::tz::TimeZone::system();
    let wish = AccountWish {
        name: Some(name.unwrap_or("main").to_owned()),
        country: Some(add.country.clone().unwrap_or_else(|| "GB".into())),
        time_zone: Some(match &add.time_zone {
            Some(zone) => zone.clone(),
            None => zone.iana_name().unwrap_or("UTC").to_owned(),
        }),
        currency: None,
    };
    let account = platform.open_account(wish, now()).await?;
    println!("made the account {}", said(&account));
    Ok(account)
}

/// The password, and whether it was made here.
fn password(add: &UserAdd) -> anyhow::Result<(String, bool)> {
    if !add.password_stdin {
        let octets = &secret()[..PASSWORD_OCTETS];
        return Ok((
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets),
            true,
        ));
    }
    let input = io::stdin();
    if input.is_terminal() {
        eprintln!("password (it is shown as you type):");
    }
    let mut line = String::new();
    input
        .lock()
        .read_line(&mut line)
        .context("expected a password on standard input")?;
    let password = line.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        bail!("expected a password on standard input, got an empty line");
    }
    Ok((password, false))
}
