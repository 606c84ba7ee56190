//! The calls of a day as columns: how they are packed, and read again.
//!
//! A part is a column, or what every report needs of the calls' outcomes. All parts of a day have its calls in one order:
//! sorted by outcome, so that a report goes through runs of calls that count the same. Nothing in a part is trusted: each
//! ends in a checksum, every length is held against what is there, and what does not fit is a [`Damaged`] part, never a
//! panic. Why so: `docs/decisions/0038-day-segments.md`.

use std::collections::HashMap;

/// What a part begins with: another format gets another number, and is read call by call by those who do not know it.
const FORMAT: u8 = 1;

/// Calls of a day that is sealed, at most: twelve a second, all day.
pub(crate) const MOST_CALLS: usize = 1 << 20;

/// Quarters of an hour of a day.
pub(crate) const QUARTERS: usize = 96;

/// A column of words: what a property can be, and which of them each call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Source,
    Campaign,
    Keyword,
    LandingPage,
    Language,
    Device,
    /// The number's identifier, 16 octets, and what was dialled.
    Number,
    /// The target's identifier, 16 octets: names are those of today.
    Target,
}

/// Parts in the order of their numbers in the table.
pub(crate) const OUTCOMES: i64 = 0;
pub(crate) const QUARTER_OF_DAY: i64 = 1;
pub(crate) const COLUMNS: [Column; 8] = [
    Column::Source,
    Column::Campaign,
    Column::Keyword,
    Column::LandingPage,
    Column::Language,
    Column::Device,
    Column::Number,
    Column::Target,
];

impl Column {
    /// Its number in the table.
    pub const fn part(self) -> i64 {
        self as i64 + 2
    }
}

/// Why a part cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damaged {
    #[error("expected a part of the day, it is not there")]
    Missing,
    #[error("expected format {FORMAT}, got {0}")]
    Format(u8),
    #[error("expected octets with their checksum, got others")]
    Checksum,
    #[error("expected more octets than the part has")]
    Short,
    #[error("expected {MOST_CALLS} calls at most, and as many in each part")]
    Calls,
    #[error("expected a word that the part has, got another")]
    Word,
    #[error("expected text, got other octets")]
    Text,
    #[error("expected a number of 8 octets at most")]
    Width,
}

/// What a call is counted as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Outcome {
    pub disposition: Option<String>,
    pub lead: Option<String>,
    /// It was answered and has ended.
    pub talked: bool,
    /// It was given a value.
    pub valued: bool,
}

/// A call as it goes into a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallFacts {
    /// Of the day, from 0.
    pub quarter: u8,
    pub disposition: Option<String>,
    pub lead: Option<String>,
    /// From answer to end, in microseconds.
    pub talk: Option<i64>,
    pub value: Option<i64>,
    /// In the order of [`COLUMNS`].
    pub words: [Option<Vec<u8>>; COLUMNS.len()],
}

/// Packs the calls of a day; the same calls in the same order give the same octets.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    outcomes: Vec<Outcome>,
    codes_of_outcomes: HashMap<Outcome, u32>,
    calls: Vec<(u32, u8, i64, i64)>,
    columns: [Words; COLUMNS.len()],
}

#[derive(Debug, Default)]
struct Words {
    dictionary: Vec<Vec<u8>>,
    /// Of each word in the dictionary, one more than its place.
    numbers: HashMap<Vec<u8>, u32>,
    /// 0 is none, else one more than the word's place.
    codes: Vec<u32>,
}

impl Packer {
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    pub fn add(&mut self, call: CallFacts) {
        let outcome = Outcome {
            disposition: call.disposition,
            lead: call.lead,
            talked: call.talk.is_some(),
            valued: call.value.is_some(),
        };
        let known = self.codes_of_outcomes.get(&outcome).copied();
        let code = known.unwrap_or_else(|| {
            let code = count(self.outcomes.len());
            self.outcomes.push(outcome.clone());
            self.codes_of_outcomes.insert(outcome, code);
            code
        });
        let talk = call.talk.unwrap_or_default();
        let value = call.value.unwrap_or_default();
        self.calls.push((code, call.quarter, talk, value));
        for (column, word) in self.columns.iter_mut().zip(call.words) {
            column.add(word);
        }
    }

    /// The parts with their numbers.
    pub fn parts(self) -> Vec<(i64, Vec<u8>)> {
        let mut order: Vec<usize> = (0..self.calls.len()).collect();
        order.sort_by_key(|&call| self.calls[call].0);
        let calls = || order.iter().map(|&call| self.calls[call]);
        let mut parts = Vec::with_capacity(COLUMNS.len() + 2);

        let mut part = begun(order.len());
        number(&mut part, self.outcomes.len() as u64);
        for (code, outcome) in (0..).zip(&self.outcomes) {
            let of_it = self.calls.iter().filter(|call| call.0 == code).count();
            number(&mut part, of_it as u64);
            optional(&mut part, outcome.disposition.as_deref().map(str::as_bytes));
            optional(&mut part, outcome.lead.as_deref().map(str::as_bytes));
            part.push(u8::from(outcome.talked) | u8::from(outcome.valued) << 1);
        }
        let of = |code: u32| &self.outcomes[code as usize];
        let talks: Vec<i64> = calls()
            .filter(|call| of(call.0).talked)
            .map(|call| call.2)
            .collect();
        pack(&mut part, &talks);
        let values: Vec<i64> = calls()
            .filter(|call| of(call.0).valued)
            .map(|call| call.3)
            .collect();
        pack(&mut part, &values);
        parts.push((OUTCOMES, ended(part)));

        let mut part = begun(order.len());
        let quarters: Vec<i64> = calls().map(|call| i64::from(call.1)).collect();
        pack(&mut part, &quarters);
        parts.push((QUARTER_OF_DAY, ended(part)));

        for (column, words) in COLUMNS.iter().zip(&self.columns) {
            let mut part = begun(order.len());
            number(&mut part, words.dictionary.len() as u64);
            for word in &words.dictionary {
                number(&mut part, word.len() as u64);
                part.extend_from_slice(word);
            }
            let codes: Vec<i64> = order
                .iter()
                .map(|&call| i64::from(words.codes[call]))
                .collect();
            pack(&mut part, &codes);
            parts.push((column.part(), ended(part)));
        }
        parts
    }
}

impl Words {
    fn add(&mut self, word: Option<Vec<u8>>) {
        let code = match word {
            None => 0,
            Some(word) => self.numbers.get(&word).copied().unwrap_or_else(|| {
                self.dictionary.push(word.clone());
                let code = count(self.dictionary.len());
                self.numbers.insert(word, code);
                code
            }),
        };
        self.codes.push(code);
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn begun(calls: usize) -> Vec<u8> {
    let mut part = vec![FORMAT];
    number(&mut part, calls as u64);
    part
}

fn ended(mut part: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&part);
    part.extend_from_slice(&sum.to_le_bytes());
    part
}

/// Seven bits an octet, the lowest first; the highest bit says that more follow (LEB128).
fn number(part: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = (number & 0x7f).to_le_bytes();
        number >>= 7;
        if number == 0 {
            part.push(low);
            return;
        }
        part.push(low | 0x80);
    }
}

/// One more than its length, then the text; 0 is none.
fn optional(part: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        None => number(part, 0),
        Some(text) => {
            number(part, text.len() as u64 + 1);
            part.extend_from_slice(text);
        }
    }
}

/// The least of the numbers, how many octets each takes above that, and those.
fn pack(part: &mut Vec<u8>, numbers: &[i64]) {
    let least = numbers.iter().copied().min().unwrap_or_default();
    let most = numbers.iter().copied().max().unwrap_or_default();
    let spread = most.wrapping_sub(least).cast_unsigned();
    let width = (u64::BITS - spread.leading_zeros()).div_ceil(8) as usize;
    part.extend_from_slice(&least.to_le_bytes());
    part.push(u8::try_from(width).unwrap_or(8));
    for number in numbers {
        let above = number.wrapping_sub(least).to_le_bytes();
        part.extend_from_slice(&above[..width]);
    }
}

/// A run of calls that count the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub calls: usize,
    pub outcome: Outcome,
}

/// What became of a day's calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub calls: usize,
    pub runs: Vec<Run>,
    /// Of the calls of runs that talked, in their order.
    pub talks: Vec<i64>,
    /// Of the calls of runs that were given a value, in their order.
    pub values: Vec<i64>,
}

/// The words of a column, and one more than the place of each call's; 0 is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WordsOfCalls<'p> {
    pub words: Vec<&'p [u8]>,
    pub codes: Vec<u32>,
}

/// Reads the part [`OUTCOMES`].
pub(crate) fn outcomes(part: &[u8]) -> Result<Outcomes, Damaged> {
    let (calls, mut rest) = opened(part)?;
    let kinds = rest.length()?;
    let mut runs = Vec::with_capacity(kinds.min(64));
    let (mut all, mut talked, mut valued) = (0_usize, 0_usize, 0_usize);
    for _ in 0..kinds {
        let of_it = rest.length()?;
        all = all.saturating_add(of_it);
        // Before anything is made as large as a part says.
        if all > calls {
            return Err(Damaged::Calls);
        }
        let disposition = rest.optional()?;
        let lead = rest.optional()?;
        let &[flags] = rest.take::<1>()?;
        let outcome = Outcome {
            disposition,
            lead,
            talked: flags & 1 != 0,
            valued: flags & 2 != 0,
        };
        talked += if outcome.talked { of_it } else { 0 };
        valued += if outcome.valued { of_it } else { 0 };
        runs.push(Run {
            calls: of_it,
            outcome,
        });
    }
    if all != calls {
        return Err(Damaged::Calls);
    }
    let talks = rest.packed(talked, |number| number)?;
    let worths = rest.packed(valued, |number| number)?;
    Ok(Outcomes {
        calls,
        runs,
        talks,
        values: worths,
    })
}

/// Reads the part [`QUARTER_OF_DAY`] of a day of `calls`: each below [`QUARTERS`].
pub(crate) fn quarters(part: &[u8], calls: usize) -> Result<Vec<u8>, Damaged> {
    let (found, mut rest) = opened(part)?;
    if found != calls {
        return Err(Damaged::Calls);
    }
    let quarters = rest.packed(calls, |number| u8::try_from(number).unwrap_or(u8::MAX))?;
    if quarters
        .iter()
        .any(|quarter| usize::from(*quarter) >= QUARTERS)
    {
        return Err(Damaged::Word);
    }
    Ok(quarters)
}

/// Reads a column of a day of `calls`.
pub(crate) fn words(part: &[u8], calls: usize) -> Result<WordsOfCalls<'_>, Damaged> {
    let (found, mut rest) = opened(part)?;
    if found != calls {
        return Err(Damaged::Calls);
    }
    let many = rest.length()?;
    if many > calls {
        return Err(Damaged::Word);
    }
    let mut words = Vec::with_capacity(many);
    for _ in 0..many {
        let length = rest.length()?;
        words.push(rest.slice(length)?);
    }
    let codes = rest.packed(calls, |number| u32::try_from(number).unwrap_or(u32::MAX))?;
    if codes.iter().any(|code| *code as usize > many) {
        return Err(Damaged::Word);
    }
    Ok(WordsOfCalls { words, codes })
}

/// How many calls a part has, and what follows.
fn opened(part: &[u8]) -> Result<(usize, Rest<'_>), Damaged> {
    let (part, sum) = part.split_last_chunk::<4>().ok_or(Damaged::Short)?;
    if crc32fast::hash(part) != u32::from_le_bytes(*sum) {
        return Err(Damaged::Checksum);
    }
    let mut rest = Rest(part);
    let &[format] = rest.take::<1>()?;
    if format != FORMAT {
        return Err(Damaged::Format(format));
    }
    let calls = rest.length()?;
    if calls > MOST_CALLS {
        return Err(Damaged::Calls);
    }
    Ok((calls, rest))
}

/// What of a part was not read yet.
struct Rest<'p>(&'p [u8]);

impl<'p> Rest<'p> {
    fn take<const N: usize>(&mut self) -> Result<&'p [u8; N], Damaged> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Damaged::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn slice(&mut self, length: usize) -> Result<&'p [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number that counts something.
    fn length(&mut self) -> Result<usize, Damaged> {
        let mut number = 0_u64;
        for place in 0..9 {
            let &[octet] = self.take::<1>()?;
            number |= u64::from(octet & 0x7f) << (7 * place);
            if octet & 0x80 == 0 {
                return usize::try_from(number).map_err(|_| Damaged::Width);
            }
        }
        Err(Damaged::Width)
    }

    fn optional(&mut self) -> Result<Option<String>, Damaged> {
        let Some(length) = self.length()?.checked_sub(1) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(self.slice(length)?).map_err(|_| Damaged::Text)?;
        Ok(Some(text.to_owned()))
    }

    /// So many numbers as [`pack`] packed.
    fn packed<T: Clone>(
        &mut self,
        count: usize,
        read: impl Fn(i64) -> T,
    ) -> Result<Vec<T>, Damaged> {
        let least = i64::from_le_bytes(*self.take::<8>()?);
        let &[width] = self.take::<1>()?;
        let width = usize::from(width);
        // Nothing is made for numbers that are not there: each has an octet, or all are the same one.
        let octets = self.slice(width.checked_mul(count).ok_or(Damaged::Short)?)?;
        let at = |above: u64| read(least.wrapping_add(above.cast_signed()));
        // The narrow ones are nearly all, and are read many at a time.
        Ok(match width {
            0 => vec![at(0); count],
            1 => octets.iter().map(|octet| at((*octet).into())).collect(),
            2 => each::<2, _>(octets, |octets| at(u16::from_le_bytes(octets).into())),
            4 => each::<4, _>(octets, |octets| at(u32::from_le_bytes(octets).into())),
            3 | 5..=8 => octets
                .chunks_exact(width)
                .map(|octets| {
                    let mut above = [0; 8];
                    above[..width].copy_from_slice(octets);
                    at(u64::from_le_bytes(above))
                })
                .collect(),
            _ => return Err(Damaged::Width),
        })
    }
}

fn each<const N: usize, T>(octets: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = octets.as_chunks::<N>();
    chunks.iter().map(|chunk| read(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calls() -> impl Strategy<Value = Vec<CallFacts>> {
        let word = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..4));
        let call = (
            0..96_u8,
            proptest::option::of("answered|missed"),
            proptest::option::of("qualified"),
            proptest::option::of(any::<i64>()),
            proptest::option::of(-5..9_000_i64),
            (word(), word(), word(), word()),
            (word(), word(), word(), word()),
        );
        let call =
            call.prop_map(
                |(quarter, disposition, lead, talk, value, some, more)| CallFacts {
                    quarter,
                    disposition,
                    lead,
                    talk,
                    value,
                    words: [
                        some.0, some.1, some.2, some.3, more.0, more.1, more.2, more.3,
                    ],
                },
            );
        proptest::collection::vec(call, 0..40)
    }

    fn packed(calls: &[CallFacts]) -> Vec<(i64, Vec<u8>)> {
        let mut packer = Packer::default();
        for call in calls {
            packer.add(call.clone());
        }
        packer.parts()
    }

    /// The calls again, in the order of the segment.
    fn unpacked(parts: &[(i64, Vec<u8>)]) -> Result<Vec<CallFacts>, Damaged> {
        let part = |number: i64| &parts.iter().find(|part| part.0 == number).unwrap().1;
        let outcomes = outcomes(part(OUTCOMES))?;
        let quarters = quarters(part(QUARTER_OF_DAY), outcomes.calls)?;
        let mut columns = Vec::new();
        for column in COLUMNS {
            columns.push(words(part(column.part()), outcomes.calls)?);
        }
        let (mut talks, mut values) = (outcomes.talks.iter(), outcomes.values.iter());
        let mut calls = Vec::new();
        for run in &outcomes.runs {
            for _ in 0..run.calls {
                let at = calls.len();
                let word = |column: &WordsOfCalls<'_>| {
                    let code = column.codes[at] as usize;
                    code.checked_sub(1).map(|word| column.words[word].to_vec())
                };
                calls.push(CallFacts {
                    quarter: quarters[at],
                    disposition: run.outcome.disposition.clone(),
                    lead: run.outcome.lead.clone(),
                    talk: run.outcome.talked.then(|| *talks.next().unwrap()),
                    value: run.outcome.valued.then(|| *values.next().unwrap()),
                    words: std::array::from_fn(|nth| word(&columns[nth])),
                });
            }
        }
        Ok(calls)
    }

    fn sorted(mut calls: Vec<CallFacts>) -> Vec<String> {
        let mut shown: Vec<String> = calls.drain(..).map(|call| format!("{call:?}")).collect();
        shown.sort();
        shown
    }

    proptest! {
        #[test]
        fn what_was_packed_is_read_again(calls in calls()) {
            let parts = packed(&calls);
            prop_assert_eq!(&parts, &packed(&calls));
            prop_assert_eq!(sorted(unpacked(&parts).unwrap()), sorted(calls));
        }

        #[test]
        fn a_changed_octet_is_told_by_the_checksum(calls in calls(), which in 0..10_usize, at: usize, to: u8) {
            let mut parts = packed(&calls);
            let part = &mut parts[which].1;
            let at = at % part.len();
            prop_assume!(part[at] != to);
            part[at] = to;
            prop_assert!(unpacked(&parts).is_err());
        }

        /// As somebody could write who knows how to make a checksum.
        #[test]
        fn octets_of_any_kind_are_read_or_refused(octets: Vec<u8>, calls in 0..2_000_usize) {
            for begin in [vec![], vec![FORMAT], vec![FORMAT, 3]] {
                let mut part = begin;
                part.extend_from_slice(&octets);
                let part = ended(part);
                outcomes(&part).ok();
                quarters(&part, calls).ok();
                words(&part, calls).ok();
            }
        }

        #[test]
        fn a_changed_octet_with_a_right_checksum_is_read_or_refused(calls in calls(), which in 0..10_usize, at: usize, to: u8) {
            let mut parts = packed(&calls);
            let part = &mut parts[which].1;
            part.truncate(part.len() - 4);
            let at = at % part.len();
            part[at] = to;
            *part = ended(std::mem::take(part));
            unpacked(&parts).ok();
        }
    }

    #[test]
    fn a_part_that_promises_more_than_it_has_is_refused() {
        let mut part = vec![FORMAT];
        number(&mut part, MOST_CALLS as u64 + 1);
        assert_eq!(outcomes(&ended(part)), Err(Damaged::Calls));
        let mut part = vec![FORMAT];
        number(&mut part, 3);
        number(&mut part, u64::MAX >> 2);
        assert_eq!(words(&ended(part), 3), Err(Damaged::Word));
        assert_eq!(
            quarters(&ended(vec![FORMAT + 1]), 0),
            Err(Damaged::Format(2))
        );
        assert_eq!(outcomes(&[1, 2]), Err(Damaged::Short));
    }
}
