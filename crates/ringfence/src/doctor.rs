//! `ringfence doctor`: tries what the configuration names, and says what is wrong and what to do.
//!
//! It changes nothing that lasts: a database that does not exist is not made, a folder's trial file is removed.

mod live;
mod machine;
mod rows;

use serde::Serialize;

use crate::config::Config;

/// How a thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Fine,
    /// It works, but perhaps not as meant.
    Doubtful,
    /// It does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How it was found.
    pub state: State,
    /// What was seen.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    fn fine(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            state: State::Fine,
            found: found.into(),
            remedy: None,
        }
    }

    fn doubtful(
        what: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            state: State::Doubtful,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn wrong(what: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            state: State::Wrong,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    findings: &'a [Finding],
}

/// Looks at everything.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.push(machine::clock(config));
    findings.extend(machine::folders(config));
    findings.push(machine::key_file(&config.key_file()));
    findings.extend(machine::ports(config).await);
    findings.extend(machine::limits(config));
    findings.extend(machine::public_url(config));
    findings.extend(live::valkey(config).await);
    findings.extend(rows::database(config).await);
    findings
}

/// A configuration that is not understood is the only finding there can be.
pub fn unread(error: &anyhow::Error) -> Vec<Finding> {
    vec![Finding::wrong(
        "configuration",
        format!("{error:#}"),
        "mend that line; docs/configuration.md lists every key",
    )]
}

/// Prints what was found; `true` when nothing is wrong.
pub fn print(findings: &[Finding], json: bool) -> bool {
    let ok = findings.iter().all(|finding| finding.state != State::Wrong);
    if json {
        let report =
            serde_json::to_string(&Report { ok, findings }).expect("findings are plain text");
        println!("{report}");
        return ok;
    }
    for finding in findings {
        let word = match finding.state {
            State::Fine => "ok   ",
            State::Doubtful => "look ",
            State::Wrong => "WRONG",
        };
        println!("{word} {}: {}", finding.what, finding.found);
        if let Some(remedy) = &finding.remedy {
            println!("      -> {remedy}");
        }
    }
    let wrong = findings
        .iter()
        .filter(|finding| finding.state == State::Wrong)
        .count();
    println!(
        "{}",
        if ok {
            "nothing is wrong".into()
        } else {
            format!("{wrong} wrong")
        }
    );
    ok
}
