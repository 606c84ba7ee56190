//! Accounts on the command line: listed, and changed by whoever runs the platform.

use ringfence_model::{Account, Money};
use ringfence_platform::account_edit::AccountWish;
use ringfence_platform::{Platform, now};

use crate::admin::{account, platform};
use crate::cli::{AccountChange, AccountCommand};
use crate::config::Config;

/// Lists or changes accounts.
///
/// # Errors
/// When the account is not clear, or something that is wished of it cannot be.
pub async fn run(config: &Config, command: &AccountCommand) -> anyhow::Result<()> {
    let platform = platform(config).await?;
    match command {
        AccountCommand::List(_) => {
            let accounts = platform.db.accounts().await?;
            for account in &accounts {
                println!("{}", said(account));
                println!("  {}", dialling(&platform, account).await?);
            }
            if accounts.is_empty() {
                println!("there is no account yet; `ringfence user add` makes one");
            }
        }
        AccountCommand::Change(change) => {
            let account = account(&platform.db, change.account.as_deref()).await?;
            let before = dialling(&platform, &account).await?;
            let changed = platform.change_account(&account, wish(change)).await?;
            if let Some(minutes) = change.dialled_minutes_per_hour {
                platform.set_dialling_limit(&changed, minutes.0).await?;
            }
            println!("{}", said(&changed));
            let after = dialling(&platform, &changed).await?;
            if change.dialled_minutes_per_hour.is_some() {
                println!("  {after}");
            }
            if changed == account && after == before {
                println!("it was so already");
            }
        }
        AccountCommand::ReleaseDialling(named) => {
            let account = account(&platform.db, named.account.as_deref()).await?;
            if platform.release_dialling(&account, now()).await? {
                println!(
                    "{} may dial telephone numbers again; a running server does so within seconds",
                    account.name
                );
            } else {
                println!("nothing holds what {} dials", account.name);
            }
        }
    }
    platform.db.close().await;
    Ok(())
}

fn wish(change: &AccountChange) -> AccountWish {
    AccountWish {
        name: change.name.clone(),
        country: change.country.clone(),
        time_zone: change.time_zone.clone(),
        currency: change.currency.clone(),
    }
}

/// How an account's dialling of telephone numbers stands, in a line.
async fn dialling(platform: &Platform, account: &Account) -> anyhow::Result<String> {
    let standing = platform.dialling_standing(account.id, now()).await?;
    let limit = match standing.limit {
        0 => "without a limit".to_owned(),
        limit => format!("of {limit} minutes an hour"),
    };
    let held = standing.hold.map(|hold| {
        format!(
            "; HELD since {}: `ringfence account release-dialling --account {:?}` lets it dial again",
            hold.placed_at, account.name
        )
    });
    Ok(format!(
        "calls to telephone numbers: {} {limit}{}{}",
        standing.minutes,
        if standing.own_limit { ", its own" } else { "" },
        held.unwrap_or_default()
    ))
}

/// An account in a line.
pub(crate) fn said(account: &Account) -> String {
    format!(
        "{}: country {}, time zone {}, currency {}",
        account.name,
        account.country,
        account.time_zone,
        Money::of(account).code()
    )
}
