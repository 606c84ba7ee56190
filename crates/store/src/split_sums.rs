//! Sums of calls by one property or two, put together from days' segments and from counted rows.
//!
//! Nothing is read or written here. A day is looked at whole before any of it is counted, so that a damaged one leaves no
//! trace and can be counted from its rows.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use ringfence_model::{Split, Timestamp};
use uuid::Uuid;

use crate::call_sums::{DAY, QUARTER};
use crate::segment::{
    self, Column, Damaged, OUTCOMES, Outcomes, QUARTER_OF_DAY, QUARTERS, WordsOfCalls,
};
use crate::splits::{Offsets, SplitCount};

/// A call that is left out.
const NONE_OF_IT: u32 = u32::MAX;
/// Pairs of a day's words that are looked up in a table of its own, at most: four octets each.
const MOST_PAIRS: usize = 1 << 20;

/// Which calls are counted, and by what.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub span: (Timestamp, Timestamp),
    pub split: (Split, Option<Split>),
    pub offsets: Offsets,
    pub disposition: Option<&'static str>,
    pub source: Option<String>,
    pub number: Option<Uuid>,
    /// Names of targets, as they are now.
    pub targets: HashMap<Uuid, String>,
}

impl Wanted {
    /// Whether quarters of an hour are all that has to be known of when calls began.
    pub fn is_of_quarters(&self) -> bool {
        let by_time = |split: Split| matches!(split, Split::Day | Split::Weekday | Split::Hour);
        let (one, other) = self.split;
        if !by_time(one) && !other.is_some_and(by_time) {
            return true;
        }
        let offsets = &self.offsets;
        let (from, to) = self.span;
        let of_quarters = |number: i64| number % QUARTER == 0;
        let changes = offsets.until.iter().filter(|(until, _)| *until > from);
        of_quarters(offsets.then)
            && changes.clone().all(|(until, offset)| {
                of_quarters(*offset) && (*until >= to || of_quarters(until.as_micros()))
            })
    }

    /// The parts of a day that are read; those of days that lie in the span only in part have their quarters read too.
    pub fn parts(&self, is_whole: bool) -> Vec<i64> {
        let mut parts = vec![OUTCOMES];
        let (one, other) = self.split;
        for split in [Some(one), other].into_iter().flatten() {
            match Property::of(split) {
                Property::Words(column) => parts.push(column.part()),
                Property::Time => parts.push(QUARTER_OF_DAY),
                Property::Disposition | Property::Lead => {}
            }
        }
        if !is_whole {
            parts.push(QUARTER_OF_DAY);
        }
        if self.source.is_some() {
            parts.push(Column::Source.part());
        }
        if self.number.is_some() {
            parts.push(Column::Number.part());
        }
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// What rows have of a property of time for a call that began then.
    fn time(&self, split: Split, started_at: i64) -> i64 {
        let offset = self.offsets.until.iter();
        let offset = offset
            .clone()
            .find(|(until, _)| started_at < until.as_micros());
        let local = started_at + offset.map_or(self.offsets.then, |(_, offset)| *offset);
        match split {
            Split::Day => local / DAY,
            Split::Weekday => (local / DAY + 3) % 7,
            _ => local / 3_600_000_000 % 24,
        }
    }
}

/// Where a segment has a property.
enum Property {
    Words(Column),
    Disposition,
    Lead,
    Time,
}

impl Property {
    const fn of(split: Split) -> Self {
        Self::Words(match split {
            Split::Source => Column::Source,
            Split::Campaign => Column::Campaign,
            Split::Keyword => Column::Keyword,
            Split::LandingPage => Column::LandingPage,
            Split::Language => Column::Language,
            Split::Device => Column::Device,
            Split::Number => Column::Number,
            Split::Target => Column::Target,
            Split::Disposition => return Self::Disposition,
            Split::Lead => return Self::Lead,
            Split::Day | Split::Weekday | Split::Hour => return Self::Time,
        })
    }
}

/// The parts of a day that were read.
#[derive(Debug)]
pub(crate) struct Day {
    /// Since 1970, in UTC.
    pub day: i64,
    pub parts: Vec<(i64, Vec<u8>)>,
}

impl Day {
    fn part(&self, number: i64) -> Result<&[u8], Damaged> {
        let part = self.parts.iter().find(|part| part.0 == number);
        part.map(|part| part.1.as_slice()).ok_or(Damaged::Missing)
    }
}

/// Counts so far.
#[derive(Debug)]
pub(crate) struct Sums {
    wanted: Wanted,
    names: [Names; 2],
    cells: Vec<Cell>,
    /// The place of each pair's cell.
    places: HashMap<u64, u32, BuildHasherDefault<Mixed>>,
    /// Days that could not be read, and why.
    pub damaged: Vec<(i64, Damaged)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    pair: (u32, u32),
    calls: u64,
    answered: u64,
    missed: u64,
    talk: i64,
    qualified: u64,
    converted: u64,
    value: i64,
}

/// What properties can be, each with a number; 0 is none.
#[derive(Debug, Default)]
struct Names {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.names.push(name.to_owned());
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX - 1);
        self.numbers.insert(name.to_owned(), number);
        number
    }

    fn name(&self, number: u32) -> Option<String> {
        let place = (number as usize).checked_sub(1)?;
        self.names.get(place).cloned()
    }
}

impl Sums {
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            names: Default::default(),
            cells: Vec::new(),
            places: HashMap::default(),
            damaged: Vec::new(),
        }
    }

    /// Counts a day's calls, or takes note that it is damaged.
    pub fn add_day(&mut self, day: &Day) {
        if let Err(damaged) = self.try_add_day(day) {
            self.damaged.push((day.day, damaged));
        }
    }

    /// Adds what was counted from rows.
    pub fn add_counted(&mut self, counted: SplitCount) {
        let (one, other) = self.wanted.split;
        let number = |names: &mut Names, word: Option<String>, split: Option<Split>| {
            let word = word.zip(split).map(|(word, split)| as_shown(word, split));
            word.map_or(0, |word| names.number(&word))
        };
        let [names, other_names] = &mut self.names;
        let pair = (
            number(names, counted.one, Some(one)),
            number(other_names, counted.other, other),
        );
        let place = self.place(pair);
        let cell = &mut self.cells[place];
        cell.calls += counted.calls;
        cell.answered += counted.answered;
        cell.missed += counted.missed;
        cell.talk = cell.talk.wrapping_add(counted.talk);
        cell.qualified += counted.qualified;
        cell.converted += counted.converted;
        cell.value = cell.value.wrapping_add(counted.value);
    }

    /// The counts: most calls first, at most `limit`.
    pub fn counts(mut self, limit: usize) -> Vec<SplitCount> {
        self.cells.retain(|cell| cell.calls > 0);
        let order = |one: &Cell, other: &Cell| {
            let by_calls = other.calls.cmp(&one.calls);
            by_calls.then_with(|| one.pair.cmp(&other.pair))
        };
        if self.cells.len() > limit {
            self.cells.select_nth_unstable_by(limit, order);
            self.cells.truncate(limit);
        }
        self.cells.sort_unstable_by(order);
        let [names, other_names] = &self.names;
        let count = |cell: &Cell| SplitCount {
            one: names.name(cell.pair.0),
            other: other_names.name(cell.pair.1),
            calls: cell.calls,
            answered: cell.answered,
            missed: cell.missed,
            talk: cell.talk,
            qualified: cell.qualified,
            converted: cell.converted,
            value: cell.value,
        };
        self.cells.iter().map(count).collect()
    }

    fn try_add_day(&mut self, day: &Day) -> Result<(), Damaged> {
        let outcomes = segment::outcomes(day.part(OUTCOMES)?)?;
        let calls = outcomes.calls;
        let begin = day.day * DAY;
        let (from, to) = self.wanted.span;
        let is_whole = from.as_micros() <= begin && begin + DAY <= to.as_micros();
        let (one, other) = self.wanted.split;
        let needs_quarters = !is_whole
            || [Some(one), other]
                .into_iter()
                .flatten()
                .any(|split| matches!(Property::of(split), Property::Time));
        let quarters = if needs_quarters {
            segment::quarters(day.part(QUARTER_OF_DAY)?, calls)?
        } else {
            Vec::new()
        };
        let [mut names, mut other_names] = std::mem::take(&mut self.names);
        let ones = self.numbers(day, one, &outcomes, &quarters, &mut names);
        let others = match other {
            Some(other) => self.numbers(day, other, &outcomes, &quarters, &mut other_names),
            None => Ok(vec![0; calls]),
        };
        self.names = [names, other_names];
        let (mut ones, others) = (ones?, others?);
        if !is_whole {
            let counts: [bool; QUARTERS] = std::array::from_fn(|quarter| {
                let start = begin + i64::try_from(quarter).unwrap_or_default() * QUARTER;
                from.as_micros() <= start && start < to.as_micros()
            });
            for (one, quarter) in ones.iter_mut().zip(&quarters) {
                if !counts[usize::from(*quarter)] {
                    *one = NONE_OF_IT;
                }
            }
        }
        if let Some(source) = &self.wanted.source {
            let words = segment::words(day.part(Column::Source.part())?, calls)?;
            keep(&mut ones, &words, |word| word == source.as_bytes());
        }
        if let Some(number) = &self.wanted.number {
            let words = segment::words(day.part(Column::Number.part())?, calls)?;
            keep(&mut ones, &words, |word| {
                word.starts_with(number.as_bytes())
            });
        }
        self.add(&outcomes, &ones, &others);
        Ok(())
    }

    /// The number of each call's word.
    fn numbers(
        &self,
        day: &Day,
        split: Split,
        outcomes: &Outcomes,
        quarters: &[u8],
        names: &mut Names,
    ) -> Result<Vec<u32>, Damaged> {
        let mut of_run = |word: fn(&segment::Outcome) -> Option<&str>| {
            let mut numbers = Vec::with_capacity(outcomes.calls);
            for run in &outcomes.runs {
                let number = word(&run.outcome).map_or(0, |word| names.number(word));
                numbers.resize(numbers.len() + run.calls, number);
            }
            numbers
        };
        let column = match Property::of(split) {
            Property::Disposition => return Ok(of_run(|of| of.disposition.as_deref())),
            Property::Lead => return Ok(of_run(|of| of.lead.as_deref())),
            Property::Time => {
                let mut number_of: [Option<u32>; QUARTERS] = [None; QUARTERS];
                let mut number = |quarter: u8| {
                    *number_of[usize::from(quarter)].get_or_insert_with(|| {
                        let began = day.day * DAY + i64::from(quarter) * QUARTER;
                        names.number(&self.wanted.time(split, began).to_string())
                    })
                };
                return Ok(quarters.iter().map(|quarter| number(*quarter)).collect());
            }
            Property::Words(column) => column,
        };
        let WordsOfCalls { words, mut codes } =
            segment::words(day.part(column.part())?, outcomes.calls)?;
        let mut number_of = Vec::with_capacity(words.len() + 1);
        number_of.push(0);
        for word in words {
            number_of.push(match column {
                Column::Target => {
                    let target = Uuid::from_slice(word).map_err(|_| Damaged::Word)?;
                    let name = self.wanted.targets.get(&target);
                    name.map_or(0, |name| names.number(name))
                }
                Column::Number => {
                    let (_, dialled) = word.split_first_chunk::<16>().ok_or(Damaged::Word)?;
                    names.number(std::str::from_utf8(dialled).map_err(|_| Damaged::Text)?)
                }
                _ => names.number(std::str::from_utf8(word).map_err(|_| Damaged::Text)?),
            });
        }
        for code in &mut codes {
            *code = number_of[*code as usize];
        }
        Ok(codes)
    }

    fn add(&mut self, outcomes: &Outcomes, ones: &[u32], others: &[u32]) {
        let mut pairs = Pairs::of(ones, others);
        let (mut talks, mut values) = (outcomes.talks.iter(), outcomes.values.iter());
        let mut at = 0;
        for run in &outcomes.runs {
            let outcome = &run.outcome;
            let ended_as = outcome.disposition.as_deref();
            let lead = outcome.lead.as_deref();
            let each = Cell {
                calls: 1,
                answered: u64::from(ended_as == Some("answered")),
                missed: u64::from(matches!(ended_as, Some("missed" | "abandoned"))),
                qualified: u64::from(matches!(lead, Some("qualified" | "converted"))),
                converted: u64::from(lead == Some("converted")),
                ..Cell::default()
            };
            let is_wanted = self
                .wanted
                .disposition
                .is_none_or(|wanted| ended_as == Some(wanted));
            let of_run = at..at + run.calls;
            at += run.calls;
            for (one, other) in ones[of_run.clone()].iter().zip(&others[of_run]) {
                let talk = if outcome.talked { talks.next() } else { None };
                let value = if outcome.valued { values.next() } else { None };
                if *one == NONE_OF_IT || !is_wanted {
                    continue;
                }
                let place = pairs.place(self, (*one, *other));
                let cell = &mut self.cells[place];
                cell.calls += 1;
                cell.answered += each.answered;
                cell.missed += each.missed;
                cell.qualified += each.qualified;
                cell.converted += each.converted;
                cell.talk = cell.talk.wrapping_add(talk.copied().unwrap_or_default());
                cell.value = cell.value.wrapping_add(value.copied().unwrap_or_default());
            }
        }
    }

    fn place(&mut self, pair: (u32, u32)) -> usize {
        let key = u64::from(pair.0) << 32 | u64::from(pair.1);
        let cells = &mut self.cells;
        let place = self.places.entry(key).or_insert_with(|| {
            let place = u32::try_from(cells.len()).unwrap_or(u32::MAX);
            cells.push(Cell {
                pair,
                ..Cell::default()
            });
            place
        });
        *place as usize
    }
}

/// Leaves out calls without a word that fits.
fn keep(ones: &mut [u32], words: &WordsOfCalls<'_>, fits: impl Fn(&[u8]) -> bool) {
    let mut kept = vec![false];
    kept.extend(words.words.iter().map(|word| fits(word)));
    for (one, code) in ones.iter_mut().zip(&words.codes) {
        if !kept[*code as usize] {
            *one = NONE_OF_IT;
        }
    }
}

/// The places of a day's pairs, by their numbers: a look into a table, where a table of all pairs is not too large.
struct Pairs {
    /// How many numbers the second has; 0 when there is no table.
    width: usize,
    /// One more than the place.
    places: Vec<u32>,
}

impl Pairs {
    fn of(ones: &[u32], others: &[u32]) -> Self {
        let most = |numbers: &[u32]| {
            let numbers = numbers.iter().filter(|number| **number != NONE_OF_IT);
            numbers.max().map_or(0, |most| *most as usize + 1)
        };
        let (height, width) = (most(ones), most(others));
        let size = height.saturating_mul(width);
        // Not worth it for a few calls either.
        if size > MOST_PAIRS || size > ones.len().saturating_mul(16) {
            return Self {
                width: 0,
                places: Vec::new(),
            };
        }
        Self {
            width,
            places: vec![0; size],
        }
    }

    fn place(&mut self, sums: &mut Sums, pair: (u32, u32)) -> usize {
        let at = pair.0 as usize * self.width + pair.1 as usize;
        match self.places.get_mut(at).filter(|_| self.width > 0) {
            None => sums.place(pair),
            Some(0) => {
                let place = sums.place(pair);
                self.places[at] = u32::try_from(place + 1).unwrap_or(u32::MAX);
                place
            }
            Some(place) => *place as usize - 1,
        }
    }
}

/// A landing page is the same whatever its query; what was erased is nothing.
pub(crate) fn as_shown(mut word: String, split: Split) -> String {
    if split == Split::LandingPage
        && let Some(at) = word.find(['?', '#'])
    {
        word.truncate(at);
    }
    word
}

/// For keys that are two counters of ours, which nobody can choose: a multiplication, and its high half into the low one.
#[derive(Debug, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte) ^ self.0);
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (number ^ number >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
