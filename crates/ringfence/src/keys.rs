//! `ringfence key …`: keys with which programs use the API.

use anyhow::Context as _;
use ringfence_model::{ApiKey, Timestamp};
use ringfence_platform::now;

use crate::admin::{account, platform};
use crate::cli::KeyCommand;
use crate::config::Config;

/// Makes, lists or ends keys.
///
/// # Errors
/// When the account is not clear, or the key cannot be made or found.
pub async fn run(config: &Config, command: &KeyCommand) -> anyhow::Result<()> {
    let platform = platform(config).await?;
    let name = match command {
        KeyCommand::Add(add) => &add.account,
        KeyCommand::List(list) => &list.account,
        KeyCommand::Revoke(revoke) => &revoke.account,
    };
    let account = account(&platform.db, name.as_deref()).await?;
    match command {
        KeyCommand::Add(add) => {
            let (key, text) = platform
                .add_api_key(account.id, &add.name, add.scope, add.expires, now())
                .await?;
            eprintln!(
                "{} may {} {} with this key, which is shown this once:",
                key.name,
                key.scope.as_str(),
                account.name
            );
            println!("{text}");
        }
        KeyCommand::List(_) => {
            let keys = platform.api_keys(account.id).await?;
            if keys.is_empty() {
                println!(
                    "{} has no keys; `ringfence key add --name …` makes one",
                    account.name
                );
            }
            for key in keys {
                println!("{}", line(&key, now()));
            }
        }
        KeyCommand::Revoke(revoke) => {
            platform
                .revoke_api_key(account.id, revoke.id, now())
                .await
                .with_context(|| format!("revoking {}", revoke.id))?;
            println!("{} opens nothing any more", revoke.id);
        }
    }
    platform.db.close().await;
    Ok(())
}

fn line(key: &ApiKey, now: Timestamp) -> String {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) if at <= now => format!("over since {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "without an end".into(),
    };
    format!(
        "{}  {:<6}  {}  {state}",
        key.id,
        key.scope.as_str(),
        key.name
    )
}
