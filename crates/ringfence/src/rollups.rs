//! `ringfence rollup …`: the sums and segments that reports read, beside a running server.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::bail;
use ringfence_model::AccountId;
use ringfence_platform::{now, segments};
use ringfence_store::Db;

use crate::admin::{account, database};
use crate::cli::RollupCommand;
use crate::config::Config;

/// Verifies or rebuilds the sums and the sealed days of one account or of all, one after the other.
///
/// # Errors
/// When the account is not known, rows cannot be read or written, or sums or sealed days differ from the calls.
pub async fn run(config: &Config, command: &RollupCommand) -> anyhow::Result<()> {
    let db = database(config).await?;
    let accounts = match command.asked().account.as_deref() {
        Some(name) => vec![account(&db, Some(name)).await?],
        None => db.accounts().await?,
    };
    let mut wrong = 0;
    for account in &accounts {
        let began = Instant::now();
        if matches!(command, RollupCommand::Rebuild(_)) {
            db.rebuild_call_sums(account.id).await?;
        }
        let check = db.check_call_sums(account.id).await?;
        let took = began.elapsed().as_secs_f64();
        match check.first {
            None => println!(
                "{}: the sums are those of its {} calls ({took:.1} s)",
                account.name, check.calls
            ),
            Some(first) => println!(
                "{}: {} sums are not those of its {} calls, the first from {} on ({took:.1} s)",
                account.name,
                check.differing,
                check.calls,
                first.to_jiff()
            ),
        }
        let began = Instant::now();
        if matches!(command, RollupCommand::Rebuild(_)) {
            seal_anew(&db, account.id).await?;
        }
        let segments = db.check_segments(account.id).await?;
        let took = began.elapsed().as_secs_f64();
        match segments.first {
            None => println!(
                "{}: {} sealed days are those of the calls ({took:.1} s)",
                account.name, segments.days
            ),
            Some(first) => println!(
                "{}: {} of {} sealed days are not those of the calls, the first from {} on ({took:.1} s)",
                account.name,
                segments.differing,
                segments.days,
                first.to_jiff()
            ),
        }
        wrong += u32::from(check.first.is_some() || segments.first.is_some());
    }
    db.close().await;
    if wrong > 0 {
        bail!(
            "sums or sealed days of {wrong} of {} accounts are wrong: ringfence rollup rebuild makes them anew",
            accounts.len()
        );
    }
    Ok(())
}

/// Every day that was looked at or has ended; what changes meanwhile a running server seals later.
async fn seal_anew(db: &Db, account: AccountId) -> anyhow::Result<()> {
    let looked_at = db.segment_days(account).await?;
    let new = db.days_to_seal(account, segments::ended(now())).await?;
    let days: BTreeSet<i64> = looked_at.into_iter().chain(new).collect();
    for day in days {
        db.seal_day(account, day, segments::drawn()).await?;
    }
    Ok(())
}
