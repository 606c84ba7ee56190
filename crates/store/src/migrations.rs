//! The tables of each version, in order. A migration that was released never changes; a new one is added.

use sqlx::ConnectOptions as _;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::{Db, StoreError};

/// A version, its name and its text.
pub(crate) type Text = (i64, &'static str, &'static str);

/// Each version's text for both engines, from files of the same name. Versions have numbers of their own, so that two
/// changes that are made side by side do not move each other.
macro_rules! migrations {
    ($($version:literal $name:literal,)*) => {
        pub(crate) const SQLITE: &[Text] =
            &[$(($version, $name, include_str!(concat!("../migrations/sqlite/", $name, ".sql"))),)*];
        const POSTGRES: &[Text] =
            &[$(($version, $name, include_str!(concat!("../migrations/postgres/", $name, ".sql"))),)*];
    };
}

migrations! {
    1 "0001_rows",
    2 "0002_profiles",
    7 "0007_journal",
    9 "0009_api_keys",
    11 "0011_cases",
    12 "0012_pools",
    13 "0013_webhooks",
    15 "0015_page_looks",
    17 "0017_phones",
    22 "0022_page_reports",
    23 "0023_visit_events",
    24 "0024_call_group",
    25 "0025_retention",
    26 "0026_campaign_keys",
    27 "0027_trunk_registers",
    28 "0028_people",
    29 "0029_audit_log",
    30 "0030_plan_actors",
    31 "0031_call_sums",
    34 "0034_erasure",
    36 "0036_call_worths",
    37 "0037_agents",
    38 "0038_call_segments",
    40 "0040_servers",
    41 "0041_leases_of_numbers",
    43 "0043_account_currency",
    52 "0052_callers",
    56 "0056_carriers",
    58 "0058_conversions",
    60 "0060_dialled_minutes",
    61 "0061_account_freezes",
    63 "0063_second_factors",
    64 "0064_number_changes",
    65 "0065_saved_reports",
    66 "0066_report_mails",
    72 "0072_object_marks",
    73 "0073_repeated_requests",
}

/// Of every migration's text, for both engines.
pub(crate) fn checksum() -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (_, _, text) in SQLITE.iter().chain(POSTGRES) {
        hasher.update(text.as_bytes());
    }
    hasher.finalize()
}

pub(crate) async fn run(db: &Db) -> Result<(), StoreError> {
    match db {
        Db::Sqlite(sqlite) => {
            let mut connection = sqlite.options.connect().await?;
            migrator(SQLITE).run(&mut connection).await
        }
        Db::Postgres(postgres) => migrator(POSTGRES).run(&postgres.readers).await,
    }
    .map_err(|error| StoreError::Migration(error.to_string()))?;
    // One after the other, each for good: where this is interrupted, the next start goes on.
    let due = db.accounts_without_call_sums().await?;
    for (nth, account) in (1..).zip(&due) {
        tracing::info!(%account, nth, of = due.len(), "making the sums of an account's calls");
        db.rebuild_call_sums(*account).await?;
    }
    Ok(())
}

fn migrator(texts: &[Text]) -> Migrator {
    let migrations = texts.iter().map(|(version, name, sql)| {
        Migration::new(
            *version,
            (*name).into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
