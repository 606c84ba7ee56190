//! Accounts on the command line: listed, and changed by whoever runs the platform.

use ringfence_model::{Account, Money};
use ringfence_platform::account_edit::AccountWish;

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
            }
            if accounts.is_empty() {
                println!("there is no account yet; `ringfence user add` makes one");
            }
        }
        AccountCommand::Change(change) => {
            let account = account(&platform.db, change.account.as_deref()).await?;
            let changed = platform.change_account(&account, wish(change)).await?;
            println!("{}", said(&changed));
            if changed == account {
                println!("it was so already");
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
