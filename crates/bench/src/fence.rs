//! Pages looked at, a second and each, on one core, beside the bare HTML parse of the same text by the same tokenizer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use ringfence_fence::look::{Page, READ_MAX, Verdict, look};
use ringfence_training::{lock_pages, ordinary_pages};
use serde_json::json;

use crate::Common;
use crate::process::resident;
use crate::report::{Times, float, rounded, shown, table};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Pages of 100 KB that are looked at, and parsed
    #[arg(long, default_value_t = 4000)]
    pages: u32,
}

/// Octets of a page.
const SIZE: usize = 100 * 1000;

pub fn run(options: &Options) -> anyhow::Result<()> {
    let pages = pages();
    ensure!(!pages.is_empty(), "there are no pages to look at");
    // Tables are built at the first look.
    for page in &pages {
        black_box(judge(page));
        parse(page);
    }
    let before = resident();
    let looks = measured(options.pages, &pages, |page| {
        black_box(judge(page));
    });
    let grown = resident().saturating_sub(before);
    let parses = measured(options.pages, &pages, parse);
    let hostile: Vec<(&str, f64)> = hostile()
        .into_iter()
        .map(|(name, octets)| {
            let begun = Instant::now();
            black_box(judge(&octets));
            (name, begun.elapsed().as_secs_f64() * 1000.0)
        })
        .collect();
    print(options, looks, parses, grown, &hostile);
    Ok(())
}

struct Measured {
    times: Times,
    rate: f64,
}

fn measured(count: u32, pages: &[Vec<u8>], mut work: impl FnMut(&[u8])) -> Measured {
    let mut times = Times::default();
    let begun = Instant::now();
    for page in pages.iter().cycle().take(count as usize) {
        let one = Instant::now();
        work(page);
        times.add(micros(one.elapsed()));
    }
    Measured {
        times,
        rate: float(u64::from(count)) / begun.elapsed().as_secs_f64(),
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

fn judge(octets: &[u8]) -> Verdict {
    look(&Page {
        octets,
        url: None,
        content_type: Some("text/html; charset=utf-8"),
        linked: &[],
        linked_known: true,
    })
    .verdict
}

/// Pages of 100 KB each: specimens one after the other, so that markup, text, styles and scripts are mixed as they are there.
fn pages() -> Vec<Vec<u8>> {
    let specimens: Vec<Vec<u8>> = ordinary_pages::specimens()
        .into_iter()
        .chain(lock_pages::specimens())
        .map(|specimen| specimen.html)
        .filter(|html| std::str::from_utf8(html).is_ok_and(|text| text.ends_with('>')))
        .collect();
    let mut pages = vec![Vec::with_capacity(SIZE)];
    for html in specimens {
        let last = pages.len() - 1;
        let page = &mut pages[last];
        page.extend_from_slice(&html);
        if page.len() >= SIZE {
            page.truncate(SIZE);
            pages.push(Vec::with_capacity(SIZE));
        }
    }
    pages.pop();
    pages
}

/// The tokenizer alone, with the states that the tree builder would tell it.
fn parse(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let tokenizer = Tokenizer::new(Nothing, TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(&text));
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
}

struct Nothing;

impl TokenSink for Nothing {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match black_box(&token) {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => match &*tag.name {
                "script" => TokenSinkResult::RawData(RawKind::ScriptData),
                "style" | "iframe" => TokenSinkResult::RawData(RawKind::Rawtext),
                "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
                _ => TokenSinkResult::Continue,
            },
            _ => TokenSinkResult::Continue,
        }
    }
}

/// What a stranger may send: as long as is read, or longer.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let repeated = |text: &str| text.repeat(READ_MAX / text.len()).into_bytes();
    let wrapped = |before: &str, text: &str| [before.as_bytes(), &repeated(text)].concat();
    let attributes: String = (0..READ_MAX / 8)
        .map(|n| format!(" a{n:x}"))
        .collect::<Vec<_>>()
        .concat();
    vec![
        ("nesting", repeated("<div>")),
        ("nested tables and formatting", repeated("<table><b><i><a>")),
        ("one line of 10 MB", vec![b'a'; 10_000_000]),
        (
            "one tag of attributes",
            format!("<div{attributes}").into_bytes(),
        ),
        ("one attribute", wrapped("<a href=\"", "x")),
        ("broken encoding", vec![0xff; READ_MAX]),
        ("zeros", vec![0; READ_MAX]),
        ("entities", repeated("&notit;&#x0;")),
        ("script of brackets", wrapped("<script>", "[(`${")),
        (
            "script of full screen",
            wrapped("<script>", "requestFullscreen;"),
        ),
        ("script of texts", wrapped("<script>", "'a'+")),
        ("script of slashes", wrapped("<script>", "/ ")),
        ("script of base64", wrapped("<script>x='", "PGRpdj48")),
        ("style of frames", wrapped("<style>", "iframe cursor:none")),
        ("style of names", wrapped("<style>100%", "#a.b")),
        (
            "frames in frames",
            repeated("<iframe srcdoc='<iframe srcdoc=x>'>"),
        ),
        ("handlers", repeated("<a onclick=alert(1)>")),
        ("text of digits", repeated("+1 2(")),
        ("server blocks", repeated("<?$_GET[phone")),
    ]
}

fn print(
    options: &Options,
    mut looks: Measured,
    mut parses: Measured,
    grown: u64,
    hostile: &[(&str, f64)],
) {
    let share = looks.rate / parses.rate;
    let worst = hostile.iter().map(|(_, time)| *time).fold(0.0, f64::max);
    if options.common.json {
        let figures = json!({
            "pages": options.pages,
            "octets_a_page": SIZE,
            "looks_per_second": rounded(looks.rate),
            "look_ms": {"p50": looks.times.percentile(0.5), "p99": looks.times.percentile(0.99)},
            "parses_per_second": rounded(parses.rate),
            "parse_ms": {"p50": parses.times.percentile(0.5), "p99": parses.times.percentile(0.99)},
            "share_of_parse": rounded(share),
            "resident_grown_octets": grown,
            "hostile_ms": hostile.iter().map(|(name, time)| json!({"name": name, "ms": rounded(*time)})).collect::<Vec<_>>(),
            "hostile_worst_ms": rounded(worst),
        });
        println!("{figures}");
        return;
    }
    println!("{} pages of {SIZE} octets, one core", options.pages);
    let row = |name: &str, measured: &mut Measured| {
        vec![
            name.to_owned(),
            shown(Some(measured.rate), 0),
            shown(measured.times.percentile(0.5), 3),
            shown(measured.times.percentile(0.99), 3),
        ]
    };
    let rows = [row("look", &mut looks), row("bare parse", &mut parses)];
    table(&["", "a second", "p50 ms", "p99 ms"], &rows);
    println!(
        "look at {share:.2} of the bare parse's rate; resident memory grew by {grown} octets\n"
    );
    let rows: Vec<Vec<String>> = hostile
        .iter()
        .map(|(name, time)| vec![(*name).to_owned(), shown(Some(*time), 1)])
        .collect();
    table(&["hostile page", "ms"], &rows);
}
