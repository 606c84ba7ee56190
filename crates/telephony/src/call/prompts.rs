//! From what a machine wants played to encoded pieces.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringfence_callflow::{Piece as Wanted, Sound};
use ringfence_media::{Clip, Library, MediaError, Piece, spoken_number};

/// The account's own prompts.
pub(super) type Prompts = Arc<HashMap<String, PathBuf>>;

/// What the names of prompts that every installation has begin with.
const BUILTIN: &str = "builtin:";
/// No piece of silence is longer.
const LONGEST_SILENCE: Duration = Duration::from_mins(10);

/// Finds, reads and encodes the pieces of a sound; words when one of them is missing. Blocks on the disk.
pub(super) fn load(
    sound: &Sound,
    library: &Library,
    prompts: &HashMap<String, PathBuf>,
) -> Result<Vec<Piece>, String> {
    let count = sound.pieces.len();
    if count == 0 || count > Sound::MOST_PIECES {
        let most = Sound::MOST_PIECES;
        return Err(format!("expected 1 to {most} pieces of sound, got {count}"));
    }
    let mut pieces = Vec::with_capacity(count);
    for wanted in &sound.pieces {
        match wanted {
            Wanted::Silence(lasting) => {
                pieces.push(Piece::Silence((*lasting).min(LONGEST_SILENCE)));
            }
            Wanted::Tone { hz, lasting } => {
                pieces.push(Piece::Clip(Arc::new(Clip::tone(*hz, *lasting))));
            }
            Wanted::Number { value, language } => {
                for word in spoken_number(*value, language) {
                    let name = format!("{BUILTIN}{word}");
                    pieces.push(Piece::Clip(named(&name, library, prompts)?));
                }
            }
            Wanted::Prompt(name) => pieces.push(Piece::Clip(named(name, library, prompts)?)),
        }
    }
    Ok(pieces)
}

fn named(
    name: &str,
    library: &Library,
    prompts: &HashMap<String, PathBuf>,
) -> Result<Arc<Clip>, String> {
    let found = if name.starts_with(BUILTIN) {
        library.builtin(name)
    } else if let Some(path) = prompts.get(name) {
        library.file(path)
    } else {
        Err(MediaError::NoSuchPrompt(name.to_owned()))
    };
    found.map_err(|error| error.to_string())
}
