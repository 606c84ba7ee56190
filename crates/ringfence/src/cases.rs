//! `ringfence case …`: cases for operators, beside a running server.

use ringfence_model::{AbuseCase, CaseEvidence, EvidenceKind};
use ringfence_platform::fence::{CaseError, CaseFile, Pages, ReleaseAnswer};
use ringfence_platform::{Platform, now};

use crate::admin::platform;
use crate::cli::{CaseCommand, CaseDecision};
use crate::config::Config;

/// Cases that are listed.
const LISTED: u32 = 200;

/// Lists, shows or decides cases.
///
/// # Errors
/// When the case or the operator is not known, or the case cannot be decided like this.
pub async fn run(config: &Config, command: &CaseCommand) -> anyhow::Result<()> {
    let platform = platform(config).await?;
    match command {
        CaseCommand::List(_) => list(&platform).await?,
        CaseCommand::Show(asked) => {
            let file = platform.case_file(asked.id).await?;
            show(&file.ok_or(CaseError::NotFound(asked.id))?);
        }
        CaseCommand::Release(decision) => release(&platform, decision).await?,
        CaseCommand::Confirm(decision) => {
            let operator = platform.operator(&decision.operator).await?;
            platform.confirm_case(decision.id, &operator, now()).await?;
            println!(
                "{} is confirmed; no number of its site is shown",
                decision.id
            );
        }
        CaseCommand::Freeze(decision) => {
            let operator = platform.operator(&decision.operator).await?;
            platform
                .freeze_account(decision.id, &operator, now())
                .await?;
            println!(
                "the account of {} is frozen; the release of the case ends that",
                decision.id
            );
        }
        CaseCommand::Export(asked) => {
            let pages = if asked.with_pages {
                Pages::Whole
            } else {
                Pages::Named
            };
            let exported = platform.export_case(asked.id, pages, now()).await?;
            println!("{:#}", exported.ok_or(CaseError::NotFound(asked.id))?);
        }
    }
    platform.db.close().await;
    Ok(())
}

async fn list(platform: &Platform) -> anyhow::Result<()> {
    let cases = platform.db.cases(LISTED).await?;
    if cases.is_empty() {
        println!("there are no cases");
    }
    for case in cases {
        if let Some(file) = platform.case_file(case.id).await? {
            println!("{}  {} / {}", line(&case), file.account, file.site.name);
        }
    }
    Ok(())
}

async fn release(platform: &Platform, decision: &CaseDecision) -> anyhow::Result<()> {
    let operator = platform.operator(&decision.operator).await?;
    match platform.release_case(decision.id, &operator, now()).await? {
        ReleaseAnswer::Released => println!(
            "{} is released; a running server shows the site's numbers again within seconds",
            decision.id
        ),
        ReleaseAnswer::OneMore => println!(
            "noted; {} is released when another operator agrees too",
            decision.id
        ),
    }
    Ok(())
}

fn line(case: &AbuseCase) -> String {
    format!(
        "{}  {:<9}  risk {:.3}  {}",
        case.id,
        case.state.as_str(),
        f64::from(case.risk) / 1000.0,
        case.opened_at
    )
}

fn show(file: &CaseFile) {
    println!(
        "{}  {} / {}",
        line(&file.case),
        file.account,
        file.site.name
    );
    let held = if file.held {
        "numbers are withheld"
    } else {
        "numbers are shown"
    };
    println!("{held}");
    if file.frozen {
        println!("the account is frozen");
    }
    for piece in &file.evidence {
        println!(
            "{}  {}  {}",
            piece.at,
            piece.kind.as_str(),
            about(file, piece)
        );
        for signal in &piece.signals {
            let line = signal.line.map(|line| format!(", line {line}"));
            println!(
                "    {}: {} ({}{}) {:?}",
                signal.kind,
                signal.why,
                signal.part,
                line.unwrap_or_default(),
                signal.excerpt
            );
        }
    }
}

fn about(file: &CaseFile, piece: &CaseEvidence) -> String {
    let who = piece.by.map(|user| format!("{}: ", file.name_of(user)));
    // A page writes its address as it likes; a terminal must not obey it.
    let page = piece.page.as_ref();
    let page = page.map(|page| format!("  {}", page.url.escape_debug()));
    let score = piece
        .risk
        .map(|risk| format!("  score {:.3}", f64::from(risk) / 1000.0));
    format!(
        "{}{}{}{}",
        who.unwrap_or_default(),
        words(piece),
        page.unwrap_or_default(),
        score.unwrap_or_default()
    )
}

/// What the account's people write is theirs; a terminal must not obey it either.
fn words(piece: &CaseEvidence) -> String {
    match piece.kind {
        EvidenceKind::Appeal => piece.what.escape_debug().to_string(),
        _ => piece.what.clone(),
    }
}
