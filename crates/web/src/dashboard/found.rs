//! What the tag found on the pages of a site, and links that let it tell anew.

use jiff::tz::TimeZone;
use ringfence_model::{Host, PageReport};
use ringfence_platform::visits::TEST_PARAMETER;

use super::words::{Moment, Show};

/// Pages that are listed: those that told last.
const LISTED: usize = 25;

/// A page and what was found on it.
pub(super) struct PageRow {
    pub name: String,
    /// The page with the parameter that makes its tag tell at once.
    pub test: String,
    /// `2 of 3 found`
    pub found: String,
    /// The targets that do not stand on it, with commas between.
    pub missing: String,
    pub at: Moment,
}

/// The front page of each proved host, and the link that tests it.
pub(super) fn tests(hosts: &[Host]) -> Vec<(String, String)> {
    hosts
        .iter()
        .filter(|host| host.proved_at.is_some())
        .map(|host| (host.name.clone(), test_link(&format!("{}/", host.name))))
        .collect()
}

/// The pages that told last, and what was found on each.
pub(super) fn rows(reports: &[PageReport], zone: &TimeZone) -> Vec<PageRow> {
    reports
        .iter()
        .take(LISTED)
        .map(|report| {
            let missing = report.targets.iter().filter(|seen| !seen.found);
            let missing: Vec<&str> = missing.map(|seen| seen.target.as_str()).collect();
            PageRow {
                name: report.page.clone(),
                test: test_link(&report.page),
                found: format!("{} of {} found", report.found(), report.targets.len()),
                missing: missing.join(", "),
                at: Moment::new(report.at, zone, Show::Ago),
            }
        })
        .collect()
}

/// Sites are reached by TLS, but for those on the machine itself.
fn test_link(page: &str) -> String {
    let host = page.split(['/', ':']).next().unwrap_or_default();
    let scheme = if host == "localhost" || host == "127.0.0.1" {
        "http"
    } else {
        "https"
    };
    format!("{scheme}://{page}?{TEST_PARAMETER}=1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{AccountId, SiteId, TargetSeen, Timestamp};

    #[test]
    fn a_page_says_how_many_of_its_numbers_were_found_and_which_were_not() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let seen = |target: &str, found| TargetSeen {
            target: target.into(),
            found,
        };
        let report = PageReport {
            account: AccountId::new(now, 1),
            site: SiteId::new(now, 2),
            page: "www.example.com/prices".into(),
            at: now,
            targets: vec![
                seen("+44 20 7946 0000", false),
                seen("+44 20 7946 0001", true),
                seen("+44 20 7946 0002", false),
            ],
        };
        let rows = rows(&vec![report; 30], &TimeZone::UTC);
        assert_eq!(rows.len(), LISTED);
        assert_eq!(rows[0].found, "1 of 3 found");
        assert_eq!(rows[0].missing, "+44 20 7946 0000, +44 20 7946 0002");
        assert_eq!(rows[0].test, "https://www.example.com/prices?rf-test=1");
    }

    #[test]
    fn pages_of_this_machine_are_reached_without_tls() {
        assert_eq!(
            test_link("localhost:8080/"),
            "http://localhost:8080/?rf-test=1"
        );
        assert_eq!(
            test_link("localhost.example.com/"),
            "https://localhost.example.com/?rf-test=1"
        );
    }
}
