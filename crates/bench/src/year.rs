//! A year of calls and visits of one account, drawn from a seed: written the way the program writes them, as fast as that
//! goes. Calls come by day, people sleep at night and at weekends, few keywords bring most callers, and most callers come
//! without a trace.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::future::try_join_all;
use ringfence_model::{
    AccountId, Call, CallId, Confidence, Disposition, E164, Lead, NumberId, SiteId, Source,
    SourceKind, Target, TargetId, Timestamp, TrackingNumber, TrunkId, Utm, Visit, VisitId,
    VisitorId, Worth,
};
use ringfence_store::{Db, Write};

use crate::report::float;
use crate::rows;

/// Rows of one transaction.
const TOGETHER: u64 = 2_000;
/// What is said of calls, at the same time.
const WORTHS_TOGETHER: usize = 500;

const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;

/// Days of the year.
pub const DAYS: i64 = 365;

/// Of a thousand calls of a day, how many come in each hour.
const OF_HOURS: [u64; 24] = [
    3, 2, 2, 2, 3, 6, 14, 32, 72, 98, 104, 96, 74, 80, 92, 88, 76, 60, 38, 24, 16, 10, 5, 3,
];
/// How busy a day of the week is; the year begins with the first.
const OF_WEEKDAYS: [u64; 7] = [120, 116, 110, 108, 96, 42, 28];

const SOURCES: [(SourceKind, &str, u64); 12] = [
    (SourceKind::Paid, "Google Ads", 300),
    (SourceKind::Search, "Google", 220),
    (SourceKind::Direct, "Direct", 180),
    (SourceKind::Paid, "Microsoft Ads", 70),
    (SourceKind::Search, "Bing", 60),
    (SourceKind::Social, "Facebook", 50),
    (SourceKind::Mail, "Newsletter", 40),
    (SourceKind::Referral, "directory.example.com", 30),
    (SourceKind::Assistant, "Assistant", 20),
    (SourceKind::Campaign, "leaflet", 15),
    (SourceKind::Search, "DuckDuckGo", 10),
    (SourceKind::Referral, "blog.example.com", 5),
];
const LANGUAGES: [&str; 10] = [
    "en-GB", "en-GB", "en-GB", "en-US", "en-US", "de", "fr", "pl", "es", "pt",
];
const DEVICES: [&str; 4] = ["phone", "phone", "desktop", "tablet"];

/// What a year is made of.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub calls: u64,
    pub visits: u64,
    pub numbers: u64,
    pub targets: u64,
    pub campaigns: u64,
    pub keywords: u64,
    pub pages: u64,
}

/// A year that was made.
#[derive(Debug)]
pub struct Year {
    pub account: AccountId,
    /// The first day, in UTC, since 1970.
    pub first_day: i64,
    pub numbers: Vec<TrackingNumber>,
}

impl Year {
    /// The span of some days, counted from the first; where the account is, days begin an hour before those of UTC.
    pub fn days(&self, from: i64, to: i64) -> (Timestamp, Timestamp) {
        let at = |day: i64| Timestamp::from_micros((self.first_day + day) * DAY - HOUR);
        (at(from), at(to))
    }
}

/// Writes a year that ends yesterday.
///
/// # Errors
/// When rows cannot be written.
pub async fn make(db: &Db, size: Size, now: Timestamp) -> anyhow::Result<Year> {
    let count = usize::try_from(size.numbers)?;
    let made = rows::site(db, count, Duration::from_hours(1)).await?;
    let mut targets = Vec::new();
    for nth in 0..size.targets {
        let target = Target {
            id: TargetId::new(now, u128::from(nth)),
            account: made.account,
            name: format!("Desk {nth}"),
            uri: format!("sip:desk{nth}@localhost"),
            enabled: true,
        };
        db.add_target(&target).await?;
        targets.push(target.id);
    }
    let today = now.as_micros() / DAY;
    // Monday comes first.
    let first_day = today - DAYS - (today - DAYS + 3) % 7;
    let maker = Maker {
        account: made.account,
        site: made.site,
        first_day,
        numbers: made.numbers,
        targets,
        size,
        hours: hours(),
    };
    maker.write(db).await?;
    Ok(Year {
        account: maker.account,
        first_day,
        numbers: maker.numbers,
    })
}

struct Maker {
    account: AccountId,
    site: SiteId,
    first_day: i64,
    numbers: Vec<TrackingNumber>,
    targets: Vec<TargetId>,
    size: Size,
    /// What had come when each hour of the year is over.
    hours: Vec<u64>,
}

fn hours() -> Vec<u64> {
    let mut all = 0;
    let mut hours = Vec::new();
    for day in OF_WEEKDAYS
        .iter()
        .cycle()
        .take(usize::try_from(DAYS).unwrap_or_default())
    {
        for hour in OF_HOURS {
            all += day * hour;
            hours.push(all);
        }
    }
    hours
}

impl Maker {
    async fn write(&self, db: &Db) -> anyhow::Result<()> {
        let (calls, visits) = (self.size.calls, self.size.visits);
        let began = Instant::now();
        let (mut call, mut visit, mut told) = (0, 0, Instant::now());
        let mut worths = Vec::new();
        while call < calls {
            let calls_to = (call + TOGETHER).min(calls);
            // Visits that lead to these calls, and those that lead to none.
            let visits_to = of(calls_to, calls, visits);
            while visit < visits_to {
                let to = (visit + TOGETHER).min(visits_to);
                let some = (visit..to).map(|nth| Write::Visit(Box::new(self.visit(nth))));
                db.write(some.collect()).await?;
                visit = to;
            }
            let mut some = Vec::with_capacity(usize::try_from(TOGETHER)?);
            for nth in call..calls_to {
                let one = self.call(nth)?;
                worths.extend(self.worth(&one, nth));
                some.push(Write::CallBegun(Box::new(one)));
            }
            db.write(some).await?;
            while worths.len() >= WORTHS_TOGETHER || (calls_to == calls && !worths.is_empty()) {
                let last = worths.len().min(WORTHS_TOGETHER);
                let some: Vec<Worth> = worths.drain(..last).collect();
                try_join_all(some.iter().map(|worth| db.set_worth(worth))).await?;
            }
            call = calls_to;
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                let per_second = float(call) / began.elapsed().as_secs_f64();
                eprintln!("{call} of {calls} calls, {per_second:.0} a second");
            }
        }
        Ok(())
    }

    /// The moment at which this share of the year's calls has come.
    fn at(&self, nth: u64, of_all: u64, draw: &mut Draw) -> Timestamp {
        let all = self.hours.last().copied().unwrap_or(1);
        let wanted = of(nth, of_all, all);
        let hour = self.hours.partition_point(|until| *until <= wanted);
        let hour = i64::try_from(hour).unwrap_or_default();
        let within = i64::try_from(draw.below(HOUR.unsigned_abs())).unwrap_or_default();
        Timestamp::from_micros(self.first_day * DAY + hour * HOUR + within)
    }

    fn visit_id(&self, nth: u64) -> (VisitId, Timestamp, Draw) {
        let mut draw = Draw(nth ^ 0x5649_5349_5400_0000);
        let started_at = self.at(nth, self.size.visits, &mut draw);
        let random = draw.wide();
        (VisitId::new(started_at, random), started_at, draw)
    }

    /// Calls that a visit led to have its source too.
    fn source(&self, draw: &mut Draw) -> Source {
        let drawn = draw.below(1_000);
        let mut until = 0;
        let mut found = SOURCES[0];
        for source in SOURCES {
            until += source.2;
            if drawn < until {
                found = source;
                break;
            }
        }
        let paid = found.0 == SourceKind::Paid;
        Source {
            kind: found.0,
            name: found.1.into(),
            campaign: paid.then(|| format!("campaign {}", draw.few(self.size.campaigns))),
            keyword: (paid && draw.below(10) < 9)
                .then(|| format!("roof repair near {}", draw.few(self.size.keywords))),
        }
    }

    fn visit(&self, nth: u64) -> Visit {
        let (id, started_at, mut draw) = self.visit_id(nth);
        let source = self.source(&mut draw);
        let page = draw.few(self.size.pages);
        let click = draw.below(u64::MAX);
        Visit {
            id,
            account: self.account,
            site: self.site,
            visitor: VisitorId::new(started_at, draw.wide()),
            started_at,
            seen_at: started_at,
            landing_page: format!(
                "https://www.example.com/services/{page}?utm_source=ad&gclid={click:x}"
            ),
            referrer: None,
            source,
            utm: Utm::default(),
            click_id: None,
            language: Some(LANGUAGES[draw.index(LANGUAGES.len())].into()),
            device: Some(DEVICES[draw.index(DEVICES.len())].into()),
            address_prefix: Some("203.0.113.0/24".into()),
        }
    }

    fn call(&self, nth: u64) -> anyhow::Result<Call> {
        let mut draw = Draw(nth ^ 0x4341_4c4c_0000_0000);
        let visit = (self.size.visits > 0 && draw.below(100) < 55).then(|| {
            let (id, started_at, mut of_visit) =
                self.visit_id(of(nth, self.size.calls, self.size.visits));
            (id, started_at, self.source(&mut of_visit))
        });
        let started_at = match &visit {
            Some((_, visited_at, _)) => {
                *visited_at + Duration::from_micros(draw.below(600_000_000))
            }
            None => self.at(nth, self.size.calls, &mut draw),
        };
        let disposition = match draw.below(100) {
            0..68 => Disposition::Answered,
            68..80 => Disposition::Missed,
            80..88 => Disposition::Abandoned,
            88..94 => Disposition::Voicemail,
            94..97 => Disposition::Rejected,
            _ => Disposition::Failed,
        };
        let waited = Duration::from_micros(1_000_000 + draw.below(25_000_000));
        let answered_at = (disposition == Disposition::Answered).then(|| started_at + waited);
        // Most are short, a few are long.
        let talked = 5_000_000 + draw.below(40_000_000) * (1 + draw.below(4) * draw.below(8));
        let number = &self.numbers[draw.few_of(self.numbers.len())];
        Ok(Call {
            server: None,
            id: CallId::new(started_at, draw.wide()),
            account: self.account,
            number: number.id,
            dialled: number.e164.clone(),
            caller: if draw.below(100) < 4 {
                None
            } else {
                Some(caller(&mut draw)?)
            },
            trunk: TrunkId::new(started_at, 1),
            plan: None,
            sip_call_id: format!("{:x}@localhost", draw.below(u64::MAX)),
            started_at,
            answered_at,
            ended_at: Some(match answered_at {
                Some(answered_at) => answered_at + Duration::from_micros(talked),
                None => started_at + waited,
            }),
            disposition: Some(disposition),
            reason: (disposition == Disposition::Failed).then(|| "503 from the last target".into()),
            target: answered_at.map(|_| self.targets[draw.few_of(self.targets.len())]),
            failed_over: draw.below(20) == 0,
            confidence: if visit.is_some() {
                Confidence::Certain
            } else {
                Confidence::Unknown
            },
            source: visit.as_ref().map(|(_, _, source)| source.clone()),
            visit: visit.map(|(id, _, _)| id),
        })
    }

    /// Of each twelfth answered call somebody says what came of it.
    fn worth(&self, call: &Call, nth: u64) -> Option<Worth> {
        let mut draw = Draw(nth ^ 0x574f_5254_4800_0000);
        if call.disposition != Some(Disposition::Answered) || draw.below(12) > 0 {
            return None;
        }
        let leads = [Lead::Qualified, Lead::Qualified, Lead::Converted];
        let lead = leads[draw.index(leads.len())];
        let value = 1_000 + draw.below(500_000);
        Some(Worth {
            lead: Some(lead),
            value: (lead == Lead::Converted).then(|| i64::try_from(value).unwrap_or_default()),
            tags: vec![if draw.below(3) == 0 { "vip" } else { "quote" }.into()],
            ..Worth::none(self.account, call.id, call.started_at)
        })
    }
}

/// All the numbers that are kept for fiction in North America, Great Britain's cities without one and London.
fn caller(draw: &mut Draw) -> anyhow::Result<E164> {
    let digits = match draw.below(10) {
        0 => format!("+441632{}", 960_000 + draw.below(1_000)),
        1 => format!("+44207946{:04}", draw.below(1_000)),
        _ => format!("+1{}5550{}", 200 + draw.below(800), 100 + draw.below(100)),
    };
    digits.parse().with_context(|| digits.clone())
}

/// One of 82,000 callers.
///
/// # Errors
/// When what was drawn is no number: a mistake of this program.
pub fn some_caller() -> anyhow::Result<E164> {
    let drawn = ringfence_platform::random() & u128::from(u64::MAX);
    let mut draw = Draw(u64::try_from(drawn).unwrap_or_default());
    caller(&mut draw)
}

/// `nth` of `all`, as a share of `whole`.
fn of(nth: u64, all: u64, whole: u64) -> u64 {
    let share = u128::from(nth) * u128::from(whole) / u128::from(all.max(1));
    u64::try_from(share).unwrap_or_default()
}

/// Numbers from a seed (`SplitMix64`, Steele et al. 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// Low ones more often than high ones: the product of three shares.
    fn few(&mut self, limit: u64) -> u64 {
        let shares = u128::from(self.next() >> 32) * u128::from(self.next() >> 32);
        let shares = (shares >> 32) * u128::from(self.next() >> 32);
        u64::try_from((shares * u128::from(limit)) >> 64).unwrap_or_default()
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    fn few_of(&mut self, length: usize) -> usize {
        usize::try_from(self.few(length as u64)).unwrap_or_default()
    }
}

/// The number with this identifier, for a filter.
pub fn busiest(year: &Year) -> NumberId {
    year.numbers[0].id
}
