//! `ringfence check`: looks at pages from files, from URLs and from standard input, many at once, and says what they
//! are. Needs no configuration, no database and, for files, no network. Nothing of a page is ever run.

mod input;
mod report;
mod work;

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::Check;
use input::Inputs;
use report::Checked;

/// The exit code of what could not be looked at.
pub const COULD_NOT_LOOK: u8 = 3;

/// Looks at every page, and answers with the worst of what was found.
pub fn run(check: &Check) -> ExitCode {
    let inputs = match Inputs::of(check) {
        Ok(inputs) => inputs,
        Err(error) => {
            eprintln!("ringfence check: {error}");
            return ExitCode::from(COULD_NOT_LOOK);
        }
    };
    let mut worst = Outcome::Clean;
    let mut said = std::io::stdout().lock();
    work::all(inputs, check.allow_private, |checked: Checked| {
        worst = worst.max(checked.outcome());
        if let Checked::Not { page, error } = &checked
            && !check.json
        {
            eprintln!("ringfence check: could not look at {page}: {error}");
            return true;
        }
        let text = match (check.json, check.explain) {
            (true, explain) => report::json(&checked, explain),
            (false, true) => report::explain(&checked),
            (false, false) => report::line(&checked),
        };
        // Whoever read the first lines only wants no more.
        said.write_all(text.as_bytes())
            .and_then(|()| said.flush())
            .is_ok()
    });
    ExitCode::from(worst.code())
}

/// What became of a page, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Clean,
    NotLooked,
    Suspicious,
    Scam,
}

impl Outcome {
    const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Suspicious => 1,
            Self::Scam => 2,
            Self::NotLooked => COULD_NOT_LOOK,
        }
    }
}
