//! What several servers share: whether Valkey answers, and loses nothing by itself.

use super::Finding;
use crate::config::Config;
use crate::serve;

const WHAT: &str = "valkey";

/// Nothing where the configuration names none.
pub async fn valkey(config: &Config) -> Option<Finding> {
    let valkey = match serve::valkey(config) {
        Ok(valkey) => valkey?,
        Err(error) => return Some(Finding::wrong(WHAT, format!("{error:#}"), "mend live.url")),
    };
    if !config.database_url().starts_with("postgres") {
        return Some(Finding::wrong(
            WHAT,
            "live.url is set, but rows are in SQLite, which one server has",
            "set database.url to a PostgreSQL, or leave live.url out",
        ));
    }
    let facts = match valkey.facts().await {
        Ok(facts) => facts,
        Err(why) => {
            return Some(Finding::wrong(
                WHAT,
                format!("it does not answer: {why}"),
                "start it, let this machine through to it, or mend live.url; until then pages keep their own numbers",
            ));
        }
    };
    let found = format!("{}, reachable, {}", facts.version, facts.eviction);
    Some(if facts.eviction != "noeviction" {
        Finding::doubtful(
            WHAT,
            found,
            "CONFIG SET maxmemory-policy noeviction, and the same in its file: otherwise it drops what servers share when memory runs short",
        )
    } else if !is_new_enough(&facts.version) {
        Finding::doubtful(
            WHAT,
            found,
            "use Valkey, or Redis 7 or later: no older one is tested",
        )
    } else {
        Finding::fine(WHAT, found)
    })
}

fn is_new_enough(version: &str) -> bool {
    let number = version.split_once(' ').map_or("", |(_, number)| number);
    let major = number
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    major.is_some_and(|major| major >= 7)
}
