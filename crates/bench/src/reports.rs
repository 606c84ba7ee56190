//! `reports`: what pages, files and programs ask of a year of calls, beside the plain `GROUP BY` over the same rows where
//! there is one. Each question is asked many times in turn; nothing else happens meanwhile.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::{Args, ValueEnum};
use ringfence_model::{CallId, Disposition, KeyScope, Split, Timestamp};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::{Keys, Platform, Settings, now, segments};
use ringfence_store::{CallCursor, CallFilter, Db, Offsets, SealedDay, SplitCount};
use ringfence_testing::TestDatabase;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::report::{Times, float, rounded, shown, table};
use crate::year::{self, Size, Year};
use crate::{Common, process, program, sums_cost};

/// As many rows as a report has, and one more that says whether it is cut.
const ROWS: u32 = 5_001;
const ON_A_PAGE: u32 = 50;

/// An hour before UTC's all year, so that the first and the last day of each span are days of UTC in part.
const OFFSETS: Offsets = Offsets {
    until: [(Timestamp::from_micros(i64::MIN), 0); 3],
    then: 3_600_000_000,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    Sqlite,
    Postgresql,
}

/// How `reports` is run.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Calls of the year
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
    /// Visits of the year [default: as many as calls]
    #[arg(long)]
    visits: Option<u64>,
    /// Where rows are kept: a file beside this program, or a server that is started for it and removed
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// The database in place of that; it must be empty
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// How often each question is asked
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    times: u32,
    /// How often the plain one is
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    plain_times: u32,
    /// Seal no days: what reports cost before any is
    #[arg(long)]
    unsealed: bool,
    /// Calls that are written to tell what sums and segments cost each; 0 leaves it out
    #[arg(long, default_value_t = 6_000)]
    written: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    what: String,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    plain_p50_ms: Option<f64>,
    /// How many times the plain one takes as long.
    ratio: Option<f64>,
    /// What is wished for, at p95.
    goal_ms: Option<f64>,
    rows: usize,
}

#[derive(Debug, Serialize)]
struct Sealing {
    days: u64,
    calls: u64,
    seconds: f64,
    octets_a_call: f64,
}

#[derive(Debug, Serialize)]
struct File {
    lines: u64,
    octets: u64,
    seconds: f64,
    lines_per_second: f64,
    /// How much more memory the process held at most while it was written.
    grown_octets: u64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    bench: &'static str,
    engine: &'static str,
    calls: u64,
    visits: u64,
    making_seconds: f64,
    sealing: Option<Sealing>,
    questions: Vec<Figures>,
    file: File,
    written: Option<sums_cost::Costs>,
}

/// Measures and prints.
///
/// # Errors
/// When rows cannot be written or read, or a report is not what the plain one says.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(measure(options))?;
    print(options, &outcome)
}

/// An empty database that goes away with this.
pub struct Place {
    pub url: String,
    _folder: Option<tempfile::TempDir>,
    _server: Option<TestDatabase>,
}

impl Place {
    async fn of(engine: Engine) -> anyhow::Result<Self> {
        Ok(match engine {
            Engine::Sqlite => {
                let folder = program::disk()?;
                Self {
                    url: format!("sqlite:{}", folder.path().join("rows.db").display()),
                    _folder: Some(folder),
                    _server: None,
                }
            }
            Engine::Postgresql => {
                let server = TestDatabase::postgres_on_disk().await;
                Self {
                    url: server.url().to_owned(),
                    _folder: None,
                    _server: Some(server),
                }
            }
        })
    }
}

async fn measure(options: &Options) -> anyhow::Result<Outcome> {
    let place = match &options.database {
        Some(url) => Place {
            url: url.clone(),
            _folder: None,
            _server: None,
        },
        None => Place::of(options.engine).await?,
    };
    let db = Db::open(&place.url).await?;
    db.migrate().await?;
    let visits = options.visits.unwrap_or(options.calls);
    let size = Size {
        calls: options.calls,
        visits,
        numbers: 200,
        targets: 20,
        campaigns: 60,
        keywords: 5_000,
        pages: 400,
    };
    let began = Instant::now();
    let year = year::make(&db, size, now()).await?;
    let making = began.elapsed();
    eprintln!("made the year in {:.0} s", making.as_secs_f64());
    let sealing = if options.unsealed {
        None
    } else {
        Some(seal(&db, &year, &place.url).await?)
    };
    if place.url.starts_with("postgres") {
        sums_cost::execute(&place.url, "ANALYZE").await?;
    }
    let mut asking = Asking {
        db: &db,
        year: &year,
        options,
        figures: Vec::new(),
    };
    asking.overview().await?;
    asking.splits().await?;
    asking.pages().await?;
    let questions = asking.figures;
    let file = export(&db, &year).await?;
    let written = if options.written > 0 && options.database.is_none() {
        let places = [
            Place::of(options.engine).await?,
            Place::of(options.engine).await?,
            Place::of(options.engine).await?,
        ];
        Some(sums_cost::measure(&places, options.written).await?)
    } else {
        None
    };
    let engine = db.engine_name();
    db.close().await;
    Ok(Outcome {
        bench: "reports",
        engine,
        calls: options.calls,
        visits,
        making_seconds: rounded(making.as_secs_f64()),
        sealing,
        questions,
        file,
        written,
    })
}

async fn seal(db: &Db, year: &Year, url: &str) -> anyhow::Result<Sealing> {
    let began = Instant::now();
    let (mut days, mut calls) = (0, 0);
    for day in db
        .days_to_seal(year.account, segments::ended(now()))
        .await?
    {
        match db.seal_day(year.account, day, segments::drawn()).await? {
            SealedDay::Sealed(of_day) => {
                days += 1;
                calls += of_day;
            }
            other => anyhow::bail!("day {day} was not sealed but {other:?}"),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let octets = "SELECT CAST(COALESCE(SUM(LENGTH(data)), 0) AS BIGINT) FROM call_segment_parts";
    let octets = sums_cost::number(url, octets).await?;
    Ok(Sealing {
        days,
        calls,
        seconds: rounded(seconds),
        octets_a_call: rounded(float(octets) / float(calls.max(1))),
    })
}

struct Asking<'a> {
    db: &'a Db,
    year: &'a Year,
    options: &'a Options,
    figures: Vec<Figures>,
}

impl Asking<'_> {
    /// Asks, and asks the plain way when there is one; answers what both said last.
    async fn ask<T, F, P>(
        &mut self,
        what: String,
        goal_ms: Option<f64>,
        rows: impl Fn(&T) -> usize,
        question: impl Fn() -> F,
        plain: Option<impl Fn() -> P>,
    ) -> anyhow::Result<(T, Option<T>)>
    where
        F: Future<Output = anyhow::Result<T>>,
        P: Future<Output = anyhow::Result<T>>,
    {
        eprintln!("asking: {what}");
        let (mut times, said) = asked(self.options.times, question).await?;
        let (mut plain_times, plain_said) = match plain {
            Some(plain) => {
                let (times, said) = asked(self.options.plain_times, plain).await?;
                (times, Some(said))
            }
            None => (Times::default(), None),
        };
        let p50_ms = times.percentile(0.5);
        let plain_p50_ms = plain_times.percentile(0.5);
        self.figures.push(Figures {
            what,
            p50_ms,
            p95_ms: times.percentile(0.95),
            plain_p50_ms,
            ratio: plain_p50_ms
                .zip(p50_ms)
                .map(|(plain, own)| rounded(plain / own.max(0.001))),
            goal_ms,
            rows: rows(&said),
        });
        Ok((said, plain_said))
    }

    /// What the overview would show of a year, question by question.
    async fn overview(&mut self) -> anyhow::Result<()> {
        let (db, account) = (self.db, self.year.account);
        let (from, to) = self.year.days(0, year::DAYS);
        self.ask(
            "overview of a year: sums by source".into(),
            None,
            Vec::len,
            || async { Ok(db.calls_by_source(account, from, to).await?) },
            Some(|| async { Ok(db.calls_by_source_one_by_one(account, from, to).await?) }),
        )
        .await?;
        self.ask(
            "overview of a year: sums by hour".into(),
            None,
            Vec::len,
            || async { Ok(db.calls_by_hour(account, from, to, 3_600).await?) },
            Some(|| async {
                Ok(db
                    .calls_by_hour_one_by_one(account, from, to, 3_600)
                    .await?)
            }),
        )
        .await?;
        self.ask(
            "overview of a year: totals, with first-time callers and recorded calls".into(),
            None,
            |_| 1,
            || async { Ok(db.call_totals(account, from, to).await?) },
            Some(|| async { Ok(db.call_totals_one_by_one(account, from, to).await?) }),
        )
        .await?;
        self.ask(
            "overview of a year: callers to call back".into(),
            None,
            |_| 1,
            || async { Ok(db.callers_to_call_back(account, from, to).await?) },
            Some(|| async {
                Ok(db
                    .callers_to_call_back_one_by_one(account, from, to)
                    .await?)
            }),
        )
        .await?;
        self.ask(
            "overview of a year: worth by source".into(),
            None,
            Vec::len,
            || async { Ok(db.worth_by_source(account, from, to).await?) },
            Some(|| async { Ok(db.worth_by_source_one_by_one(account, from, to).await?) }),
        )
        .await?;
        // All of them, once after the other, as the page asks.
        self.ask(
            "overview of a year, all of it".into(),
            Some(50.0),
            |()| 1,
            || async {
                db.worth_by_source(account, from, to).await?;
                db.call_totals(account, from, to).await?;
                db.callers_to_call_back(account, from, to).await?;
                db.calls_by_hour(account, from, to, 3_600).await?;
                db.calls_by_source(account, from, to).await?;
                Ok(())
            },
            none_plain(),
        )
        .await?;
        Ok(())
    }

    async fn splits(&mut self) -> anyhow::Result<()> {
        let all = CallFilter::default();
        let answered = CallFilter {
            disposition: Some(Disposition::Answered),
            ..CallFilter::default()
        };
        let of_number = CallFilter {
            number: Some(year::busiest(self.year)),
            source: Some("Google Ads".into()),
            ..CallFilter::default()
        };
        let whole = (0, year::DAYS);
        let month = (180, 210);
        for (one, other, days, filter, said) in [
            (Split::Source, Some(Split::Campaign), whole, &all, ""),
            (Split::Number, Some(Split::Target), whole, &all, ""),
            (Split::LandingPage, Some(Split::Keyword), whole, &all, ""),
            (Split::Weekday, Some(Split::Hour), whole, &all, ""),
            (Split::Day, Some(Split::Source), whole, &all, ""),
            (Split::Campaign, Some(Split::Lead), whole, &all, ""),
            (
                Split::Language,
                Some(Split::Device),
                whole,
                &answered,
                ", answered",
            ),
            (
                Split::Keyword,
                Some(Split::Disposition),
                whole,
                &of_number,
                ", one number and source",
            ),
            (Split::Keyword, None, whole, &all, ""),
            (Split::Source, Some(Split::Campaign), month, &all, ""),
            (Split::LandingPage, Some(Split::Keyword), month, &all, ""),
            (
                Split::Number,
                Some(Split::Hour),
                month,
                &answered,
                ", answered",
            ),
        ] {
            let length = if days == whole { "year" } else { "month" };
            let other_name = other.map_or("nothing", Split::as_str);
            let what = format!("{} by {other_name}, a {length}{said}", one.as_str());
            let (db, account, span) = (self.db, self.year.account, self.year.days(days.0, days.1));
            let split = (one, other);
            let (own, plain) = self
                .ask(
                    what.clone(),
                    other.map(|_| 300.0),
                    Vec::len,
                    || async {
                        let counts = db.split_calls(account, span, split, &OFFSETS, filter, ROWS);
                        Ok(counts.await?)
                    },
                    Some(|| async {
                        let counts =
                            db.split_calls_one_by_one(account, span, split, &OFFSETS, filter, ROWS);
                        Ok(counts.await?)
                    }),
                )
                .await?;
            // One that is cut has others among those of equal count, and counts landing pages before their query is cut.
            let cut =
                |counts: &[SplitCount]| counts.len() >= ROWS as usize || one == Split::LandingPage;
            if let Some(plain) = plain.filter(|plain| !cut(&own) && !cut(plain)) {
                ensure!(
                    sorted(own) == sorted(plain),
                    "{what}: not what the plain one says"
                );
            }
        }
        Ok(())
    }

    async fn pages(&mut self) -> anyhow::Result<()> {
        let (from, to) = self.year.days(0, year::DAYS);
        let (half, _) = self.year.days(year::DAYS / 2, year::DAYS);
        let of = |filter: CallFilter| CallFilter {
            from: Some(from),
            to: Some(to),
            ..filter
        };
        let all = of(CallFilter::default());
        let missed = of(CallFilter {
            disposition: Some(Disposition::Missed),
            source: Some("Google Ads".into()),
            ..CallFilter::default()
        });
        let number = of(CallFilter {
            number: self.year.numbers.last().map(|number| number.id),
            ..CallFilter::default()
        });
        let rare = of(CallFilter {
            source: Some("blog.example.com".into()),
            disposition: Some(Disposition::Failed),
            ..CallFilter::default()
        });
        let caller = of(CallFilter {
            caller_contains: Some("441632960123".into()),
            ..CallFilter::default()
        });
        let words = of(CallFilter {
            text: Some("near 4321".into()),
            ..CallFilter::default()
        });
        let tagged = of(CallFilter {
            tag: Some("vip".into()),
            ..CallFilter::default()
        });
        let middle = Some(CallCursor {
            started_at: half,
            id: CallId(Uuid::nil()),
        });
        for (said, filter, after) in [
            ("no filter, first page", &all, None),
            ("no filter, page in the middle", &all, middle),
            ("missed of a source, first page", &missed, None),
            ("missed of a source, page in the middle", &missed, middle),
            ("a seldom number, first page", &number, None),
            ("failed of a seldom source, first page", &rare, None),
            ("a caller's digits, first page", &caller, None),
            ("letters in a seldom keyword, first page", &words, None),
            ("a tag, first page", &tagged, None),
        ] {
            let (db, account) = (self.db, self.year.account);
            self.ask(
                format!("call log: {said}"),
                Some(100.0),
                Vec::len,
                || async { Ok(db.calls(account, filter, after, ON_A_PAGE).await?.calls) },
                none_plain(),
            )
            .await?;
        }
        Ok(())
    }
}

/// Nothing to compare with.
const fn none_plain<T>() -> Option<fn() -> std::future::Ready<anyhow::Result<T>>> {
    None
}

async fn asked<T, F>(times: u32, question: impl Fn() -> F) -> anyhow::Result<(Times, T)>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut all = Times::default();
    // The first reads what nobody has read yet, and prepares its statement.
    let mut said = question().await?;
    let began = Instant::now();
    for nth in 0..times {
        let asked = Instant::now();
        said = question().await?;
        all.add(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        // Enough of a question that takes seconds.
        if nth >= 2 && began.elapsed() > Duration::from_secs(30) {
            break;
        }
    }
    Ok((all, said))
}

fn sorted(mut counts: Vec<SplitCount>) -> Vec<SplitCount> {
    counts.sort_by(|one, other| (&one.one, &one.other).cmp(&(&other.one, &other.other)));
    counts
}

/// The whole year as a file, through the program's own HTTP, read and thrown away.
async fn export(db: &Db, year: &Year) -> anyhow::Result<File> {
    let settings = Settings {
        recordings_folder: std::env::temp_dir(),
        record_calls: false,
        public_url: "http://localhost".into(),
        trusted_proxies: Vec::new(),
        number_requests_per_minute: 0,
        late_call_window: Duration::from_hours(1),
        carriers: ringfence_platform::carriers::CarrierUrls::default(),
        conversions: ringfence_platform::conversions::ConversionUrls::default(),
        mail: None,
        fence: ringfence_platform::fence::FenceSettings::default(),
    };
    let outbound = Outbound::new(OutboundPolicy::default());
    let platform = Platform::beside(db.clone(), outbound, settings, Keys::from_master(&[7; 32]));
    let (_, key) = platform
        .add_api_key(year.account, "bench", KeyScope::Read, None, now())
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let router = ringfence_web::router(Arc::clone(&platform), Arc::new(String::new));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let mut stream = TcpStream::connect(at).await?;
    let request = format!(
        "GET /v1/calls.csv HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    eprintln!("asking: the year as a file");
    let before = process::resident();
    let mut grown = 0;
    let began = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 256 << 10];
    let (mut lines, mut octets, mut head) = (0_u64, 0_u64, Vec::new());
    let mut reads = 0_u32;
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        if head.len() < 16 {
            head.extend_from_slice(&buffer[..read.min(16)]);
        }
        octets += read as u64;
        lines += buffer[..read].split(|octet| *octet == b'\n').count() as u64 - 1;
        reads += 1;
        if reads.is_multiple_of(64) {
            grown = grown.max(process::resident().saturating_sub(before));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let head = String::from_utf8_lossy(&head).into_owned();
    ensure!(head.contains(" 200"), "the file was not given: {head}");
    Ok(File {
        lines,
        octets,
        seconds: rounded(seconds),
        lines_per_second: rounded(float(lines) / seconds),
        grown_octets: grown,
    })
}

fn print(options: &Options, outcome: &Outcome) -> anyhow::Result<()> {
    if options.common.json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    println!(
        "{} calls and {} visits of a year, {}; made in {:.0} s; callers, legs, events and recordings: none but the call's own",
        outcome.calls, outcome.visits, outcome.engine, outcome.making_seconds
    );
    if let Some(sealing) = &outcome.sealing {
        println!(
            "{} days sealed in {:.1} s: {:.0} calls a second, {:.1} octets a call",
            sealing.days,
            sealing.seconds,
            float(sealing.calls) / sealing.seconds,
            sealing.octets_a_call
        );
    }
    println!();
    let heading = [
        "",
        "p50 ms",
        "p95 ms",
        "goal ms",
        "GROUP BY ms",
        "times",
        "rows",
    ];
    let rows: Vec<Vec<String>> = outcome
        .questions
        .iter()
        .map(|figures| {
            vec![
                figures.what.clone(),
                shown(figures.p50_ms, 2),
                shown(figures.p95_ms, 2),
                shown(figures.goal_ms, 0),
                shown(figures.plain_p50_ms, 1),
                shown(figures.ratio, 1),
                figures.rows.to_string(),
            ]
        })
        .collect();
    table(&heading, &rows);
    let file = &outcome.file;
    println!(
        "\nthe year as CSV: {} lines in {:.1} s, {:.0} a second; {:.1} MiB more memory at most",
        file.lines,
        file.seconds,
        file.lines_per_second,
        float(file.grown_octets) / 1_048_576.0
    );
    if let Some(written) = &outcome.written {
        written.print();
    }
    Ok(())
}
