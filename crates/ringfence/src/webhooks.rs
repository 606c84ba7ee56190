//! `ringfence webhook …`: what an account's programs were told, and telling them again. The running server sends.

use anyhow::Context as _;
use ringfence_model::{AccountId, Webhook};
use ringfence_platform::{Platform, now};

use crate::admin::{account, platform};
use crate::cli::{WebhookCommand, WebhookLog, WebhookReplay};
use crate::config::Config;

/// Lists webhooks, shows a log, or sends again.
///
/// # Errors
/// When the account is not clear, or the webhook or delivery cannot be found.
pub async fn run(config: &Config, command: &WebhookCommand) -> anyhow::Result<()> {
    let platform = platform(config).await?;
    let account = account(&platform.db, command.account()).await?;
    match command {
        WebhookCommand::List(_) => {
            let webhooks = platform.webhooks(account.id).await?;
            if webhooks.is_empty() {
                println!("{} has no webhooks; see docs/webhooks.md", account.name);
            }
            for webhook in &webhooks {
                println!("{}", line(webhook));
            }
        }
        WebhookCommand::Log(wish) => log(&platform, account.id, wish).await?,
        WebhookCommand::Replay(wish) => replay(&platform, account.id, wish).await?,
    }
    platform.db.close().await;
    Ok(())
}

fn line(webhook: &Webhook) -> String {
    let state = match (&webhook.off_reason, webhook.enabled, webhook.failing_since) {
        (Some(reason), ..) => format!("switched off: {reason}"),
        (None, false, _) => "off".into(),
        (None, true, Some(since)) => format!("failing since {since}"),
        (None, true, None) => "on".into(),
    };
    let events: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
    format!(
        "{}  {}  {}  {state}",
        webhook.id,
        webhook.url,
        events.join(",")
    )
}

async fn log(platform: &Platform, account: AccountId, wish: &WebhookLog) -> anyhow::Result<()> {
    let page = platform.deliveries(account, wish.id, None, None, wish.limit);
    let (deliveries, _) = page
        .await
        .with_context(|| format!("reading the log of {}", wish.id))?;
    for delivery in deliveries {
        println!(
            "{}  {}  {}  {}",
            delivery.id,
            delivery.happened_at,
            delivery.event.as_str(),
            delivery.state.as_str()
        );
        let attempts = platform.db.delivery_attempts(account, delivery.id).await?;
        for attempt in attempts {
            println!(
                "    {}. {}  {} ms  {}",
                attempt.number, attempt.at, attempt.duration_ms, attempt.outcome
            );
        }
    }
    Ok(())
}

async fn replay(
    platform: &Platform,
    account: AccountId,
    wish: &WebhookReplay,
) -> anyhow::Result<()> {
    let context = || format!("sending again to {}", wish.id);
    if let Some(delivery) = wish.delivery {
        let replayed = platform.replay_delivery(account, wish.id, delivery, now());
        replayed.await.with_context(context)?;
        println!("{delivery} is due again; the running server sends it");
    } else if let Some(since) = wish.since {
        let replayed = platform.replay_failed_deliveries(account, wish.id, since.into(), now());
        let count = replayed.await.with_context(context)?;
        println!("{count} deliveries are due again; the running server sends them");
    }
    Ok(())
}
