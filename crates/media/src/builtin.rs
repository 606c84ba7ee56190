//! The prompts that every installation has: tones and music made here, and phrases and numbers in two languages.
//!
//! Where the spoken ones come from, and how they are made anew, stands in `prompts/README.md`.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::clip::{RATE, samples, soften};
use crate::{Clip, tone::Tone};

/// What names of these prompts begin with.
pub const PREFIX: &str = "builtin:";

macro_rules! spoken {
    ($($name:literal),* $(,)?) => {
        const SPOKEN: &[(&str, &[u8], &[u8])] = &[$((
            $name,
            include_bytes!(concat!("../prompts/en/", $name, ".wav")),
            include_bytes!(concat!("../prompts/de/", $name, ".wav")),
        )),*];
    };
}

spoken![
    "please-hold",
    "all-busy",
    "you-are-number",
    "in-the-queue",
    "leave-a-message",
    "nobody-available",
    "recorded",
    "press-1-to-accept",
    "not-a-choice",
    "closed",
    "goodbye",
    "agent-available",
    "agent-on-break",
    "agent-signed-out",
    "agent-as-before",
    "number-0",
    "number-1",
    "number-2",
    "number-3",
    "number-4",
    "number-5",
    "number-6",
    "number-7",
    "number-8",
    "number-9",
    "number-10",
    "number-11",
    "number-12",
    "number-13",
    "number-14",
    "number-15",
    "number-16",
    "number-17",
    "number-18",
    "number-19",
    "number-20",
    "number-30",
    "number-40",
    "number-50",
    "number-60",
    "number-70",
    "number-80",
    "number-90",
    "number-hundred",
    "number-and",
];

/// One, before another word: "ein-hundert", "ein-und-zwanzig".
const EIN: &[u8] = include_bytes!("../prompts/de/number-ein.wav");

/// A tone or music that is made here.
type Made = fn() -> Vec<i16>;

const MADE: &[(&str, Made)] = &[
    ("beep", beep),
    ("ringback", || {
        ringback(&[425.0], &[(1000, true), (4000, false)])
    }),
    ("ringback-gb", || {
        ringback(
            &[400.0, 450.0],
            &[(400, true), (200, false), (400, true), (2000, false)],
        )
    }),
    ("ringback-us", || {
        ringback(&[440.0, 480.0], &[(2000, true), (4000, false)])
    }),
    ("music", music),
];

/// The names of all of them, with [`PREFIX`].
pub fn names() -> impl Iterator<Item = String> {
    let made = MADE.iter().map(|(name, _)| format!("{PREFIX}{name}"));
    let spoken = ["en", "de"].into_iter().flat_map(|language| {
        SPOKEN
            .iter()
            .map(move |(name, _, _)| format!("{PREFIX}{language}/{name}"))
    });
    made.chain(spoken)
}

/// Makes one of them, by its name without [`PREFIX`]: `beep`, `en/please-hold`.
pub fn make(name: &str) -> Option<Clip> {
    if let Some((_, make)) = MADE.iter().find(|(known, _)| *known == name) {
        return Some(Clip::from_samples(&make()));
    }
    if name == "de/number-ein" {
        return Some(Clip::from_mu(mu_of(EIN)));
    }
    let (language, name) = name.split_once('/')?;
    let (_, english, german) = SPOKEN.iter().find(|(known, _, _)| *known == name)?;
    let file = match language {
        "en" => english,
        "de" => german,
        _ => return None,
    };
    Some(Clip::from_mu(mu_of(file)))
}

/// The prompts that speak a number, without [`PREFIX`].
pub fn number(value: u32, language: &str) -> Vec<String> {
    let german = language
        .get(..2)
        .is_some_and(|start| start.eq_ignore_ascii_case("de"));
    let words = if value > 999 {
        value.to_string().chars().map(String::from).collect()
    } else if german {
        in_german(value)
    } else {
        in_english(value)
    };
    let language = if german { "de" } else { "en" };
    words
        .into_iter()
        .map(|word| format!("{language}/number-{word}"))
        .collect()
}

fn in_english(value: u32) -> Vec<String> {
    let mut words = Vec::new();
    let (hundreds, rest) = (value / 100, value % 100);
    if hundreds > 0 {
        words.extend([hundreds.to_string(), "hundred".into()]);
        if rest > 0 {
            words.push("and".into());
        }
    }
    if rest > 20 {
        words.push((rest / 10 * 10).to_string());
        if !rest.is_multiple_of(10) {
            words.push((rest % 10).to_string());
        }
    } else if rest > 0 || hundreds == 0 {
        words.push(rest.to_string());
    }
    words
}

fn in_german(value: u32) -> Vec<String> {
    let before = |number: u32| {
        if number == 1 {
            "ein".to_owned()
        } else {
            number.to_string()
        }
    };
    let mut words = Vec::new();
    let (hundreds, rest) = (value / 100, value % 100);
    if hundreds > 0 {
        words.extend([before(hundreds), "hundred".into()]);
    }
    if rest > 20 && !rest.is_multiple_of(10) {
        words.extend([before(rest % 10), "and".into()]);
        words.push((rest / 10 * 10).to_string());
    } else if rest > 0 || hundreds == 0 {
        words.push(rest.to_string());
    }
    words
}

/// The samples of one of our own µ-law WAV files.
fn mu_of(file: &[u8]) -> &[u8] {
    let mut rest = file.get(12..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let length = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(body.len());
        if head.starts_with(b"data") {
            return &body[..length];
        }
        rest = body.get(length + length % 2..).unwrap_or_default();
    }
    &[]
}

fn beep() -> Vec<i16> {
    let mut sound: Vec<i16> = Tone::new(RATE, 1000.0, 0.25)
        .take(samples(Duration::from_millis(400)))
        .collect();
    soften(&mut sound);
    sound
}

/// The tone that tells that it rings (ITU-T E.180): frequencies in Hz, and a cadence in milliseconds.
fn ringback(frequencies: &[f64], cadence: &[(u64, bool)]) -> Vec<i16> {
    let mut sound = Vec::new();
    for (milliseconds, sounds) in cadence {
        let count = samples(Duration::from_millis(*milliseconds));
        if !sounds {
            sound.resize(sound.len() + count, 0);
            continue;
        }
        let mut tones: Vec<Tone> = frequencies
            .iter()
            .map(|hz| Tone::new(RATE, *hz, 0.12))
            .collect();
        let mut burst: Vec<i16> = (0..count)
            .map(|_| tones.iter_mut().filter_map(Iterator::next).sum())
            .collect();
        soften(&mut burst);
        sound.append(&mut burst);
    }
    sound
}

/// Sixteen seconds that go round without a seam: four chords, broken into quiet plucked notes.
fn music() -> Vec<i16> {
    // Steps above A3 (220 Hz): A minor, F, C, G.
    const CHORDS: [[i32; 4]; 4] = [[0, 3, 7, 12], [-4, 0, 3, 8], [3, 7, 10, 15], [-2, 2, 5, 10]];
    const ORDER: [usize; 8] = [0, 1, 2, 3, 2, 1, 2, 1];
    let step = samples(Duration::from_millis(500));
    let total = step * ORDER.len() * CHORDS.len();
    let mut mix = vec![0.0_f64; total];
    let notes = CHORDS
        .iter()
        .flat_map(|chord| ORDER.map(|note| chord[note]));
    for (index, note) in notes.enumerate() {
        let hz = 220.0 * 2.0_f64.powf(f64::from(note) / 12.0);
        let mut time = 0.0_f64;
        // Each note fades over three steps, and the last ones fade into the beginning.
        for place in 0..step * 3 {
            let turn = TAU * hz * time;
            let tone = turn.sin() + 0.3 * (2.0 * turn).sin() + 0.1 * (3.0 * turn).sin();
            let rise = (time / 0.008).min(1.0);
            let end = ((1.5 - time) / 0.05).clamp(0.0, 1.0);
            mix[(index * step + place) % total] += tone * rise * end * (-3.0 * time).exp();
            time += 1.0 / f64::from(RATE);
        }
    }
    mix.into_iter()
        .map(|sample| {
            #[expect(clippy::cast_possible_truncation, reason = "it is clamped to i16")]
            let sample = (sample * 3000.0).clamp(-32_000.0, 32_000.0) as i16;
            sample
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;
    use crate::tone::level;

    #[test]
    fn every_prompt_can_be_made_and_is_heard() {
        for name in names() {
            let clip = make(name.strip_prefix(PREFIX).unwrap()).unwrap();
            assert!(clip.lasting() > Duration::from_millis(150), "{name}");
            let mut samples = Vec::new();
            Law::A.decode(clip.octets(Law::A), &mut samples);
            let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max();
            assert!(loudest > Some(2000), "{name} is too quiet");
        }
        assert!(make("fr/goodbye").is_none());
        assert!(make("../beep").is_none());
    }

    #[test]
    fn numbers_are_spoken_as_people_say_them() {
        let said = |value, language| {
            let words = number(value, language);
            let words: Vec<_> = words
                .iter()
                .map(|word| word.split_once("/number-").unwrap().1)
                .collect();
            words.join(" ")
        };
        for (value, english, german) in [
            (0, "0", "0"),
            (3, "3", "3"),
            (20, "20", "20"),
            (21, "20 1", "ein and 20"),
            (70, "70", "70"),
            (107, "1 hundred and 7", "ein hundred 7"),
            (342, "3 hundred and 40 2", "3 hundred 2 and 40"),
            (1207, "1 2 0 7", "1 2 0 7"),
        ] {
            assert_eq!(said(value, "en-GB"), english);
            assert_eq!(said(value, "de"), german);
            for word in number(value, "de").iter().chain(&number(value, "en")) {
                assert!(make(word).is_some(), "{word}");
            }
        }
    }

    #[test]
    fn the_beep_is_its_tone_and_music_has_no_seam() {
        assert!(level(&beep(), RATE, 1000.0) > 0.2);
        let music = music();
        let jump = music[0].abs_diff(music[music.len() - 1]);
        assert!(jump < 1500, "{jump}");
    }
}
