//! `ringfence rollup …`: the sums that reports read, beside a running server.

use std::time::Instant;

use anyhow::bail;

use crate::admin::{account, database};
use crate::cli::RollupCommand;
use crate::config::Config;

/// Verifies or rebuilds the sums of one account or of all, one after the other.
///
/// # Errors
/// When the account is not known, rows cannot be read or written, or sums differ from the calls.
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
        wrong += u32::from(check.first.is_some());
    }
    db.close().await;
    if wrong > 0 {
        bail!(
            "sums of {wrong} of {} accounts are wrong: ringfence rollup rebuild makes them anew",
            accounts.len()
        );
    }
    Ok(())
}
