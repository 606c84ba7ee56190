//! `ringfence erase`: what is known of somebody goes, beside a running server.

use anyhow::{Context as _, bail};
use ringfence_model::E164;
use ringfence_platform::erasure::{Erasable, Erasure, Whose};
use ringfence_platform::now;

use crate::admin::{account, platform};
use crate::cli::Erase;
use crate::config::Config;

/// Says what is known of a caller or visitor, and erases it when told to.
///
/// # Errors
/// When the account or the number is not clear, rows cannot be read or written, or files of recordings are still there.
pub async fn run(config: &Config, erase: &Erase) -> anyhow::Result<()> {
    let platform = platform(config).await?;
    let account = account(&platform.db, erase.account.as_deref()).await?;
    let whose = match (&erase.caller, erase.visit) {
        (Some(number), _) => Whose::Caller(
            E164::parse(number, Some(&account.country)).context("reading the caller's number")?,
        ),
        (None, Some(visit)) => Whose::Visit(visit),
        (None, None) => bail!("expected --caller or --visit"),
    };
    let found = platform.erasable(account.id, &whose, now()).await?;
    if let Whose::Caller(number) = &whose {
        for place in platform.setup_with_number(account.id, number).await? {
            println!("the number also stands in {place}: change that yourself");
        }
    }
    if found.under_way > 0 {
        println!(
            "{} under way, or over for less than a minute, stay: ask again when they are over",
            counted(found.under_way, "call")
        );
    }
    if !erase.yes {
        println!("{}: {} would go", account.name, words(found));
        if found.calls + found.recordings + found.visits > 0 {
            println!("nothing was erased; the same with --yes erases it for good");
        }
        platform.db.close().await;
        return Ok(());
    }
    let done = platform.erase(account.id, whose, now()).await?;
    let Erasure {
        calls,
        visits,
        recordings,
        recordings_left,
        ..
    } = done;
    println!(
        "{}: {} erased",
        account.name,
        words(Erasable {
            calls,
            visits,
            recordings,
            under_way: 0
        })
    );
    platform.db.close().await;
    if recordings_left > 0 {
        bail!(
            "{} could not be removed from {}: nobody can hear them any more, and a running server tries again every 15 minutes; may this user write there?",
            counted(recordings_left, "file"),
            config.recordings_folder().display()
        );
    }
    Ok(())
}

fn words(found: Erasable) -> String {
    format!(
        "{}, {}, {}",
        counted(found.calls, "call"),
        counted(found.recordings, "recording"),
        counted(found.visits, "visit")
    )
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
