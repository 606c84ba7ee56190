//! Audio files of others, turned into samples of 8 kHz: once, when a prompt is brought in.

use std::fs::File;
use std::path::Path;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use crate::MediaError;
use crate::clip::RATE;

/// The largest file that is read, in octets.
pub const MOST_OCTETS: u64 = 64 * 1024 * 1024;
/// The longest prompt, in seconds.
pub const MOST_SECONDS: usize = 600;

/// Samples at 8 kHz that the filter spans which leaves out what 8 kHz cannot carry.
const TAPS: usize = 128;

/// Reads a WAV (PCM, A-law, µ-law), FLAC, Ogg Vorbis or MP3 file, mixes its channels into one and brings it to 8 kHz.
/// Blocks on the disk, and computes.
///
/// # Errors
/// [`MediaError::File`] when it cannot be read, [`MediaError::NotAudio`] when it is none of these, or longer than
/// ten minutes, or larger than 64 MiB.
pub fn decode_prompt(path: &Path) -> Result<Vec<i16>, MediaError> {
    let not_audio = |found: String| MediaError::NotAudio {
        path: path.to_path_buf(),
        found,
    };
    let failed = |source| MediaError::File {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > MOST_OCTETS {
        return Err(not_audio(format!("a file of {length} octets")));
    }
    let (mono, rate) = mono_of(file, path).map_err(not_audio)?;
    let samples = to_our_rate(mono, rate).map_err(not_audio)?;
    if samples.is_empty() {
        return Err(not_audio("a file without sound".into()));
    }
    Ok(samples)
}

/// All samples of the file's first track, its channels mixed, and how many there are a second.
fn mono_of(file: File, path: &Path) -> Result<(Vec<f32>, u32), String> {
    let words = |error: Error| error.to_string();
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(
            &hint,
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(words)?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or("a file without a track of sound")?;
    let number = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or("a track of an unknown kind")?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(words)?;
    let mut mono = Vec::new();
    let mut interleaved: Vec<f32> = Vec::new();
    let mut rate = 0;
    while let Some(packet) = format.next_packet().map_err(words)? {
        if packet.track_id != number {
            continue;
        }
        let decoded = decoder.decode(&packet).map_err(words)?;
        let (channels, this_rate) = (decoded.spec().channels().count(), decoded.spec().rate());
        if channels == 0 || !(4_000..=384_000).contains(&this_rate) {
            return Err(format!("sound of {this_rate} Hz in {channels} channels"));
        }
        if rate != 0 && rate != this_rate {
            return Err("sound that changes its rate".into());
        }
        rate = this_rate;
        interleaved.resize(decoded.samples_interleaved(), 0.0);
        decoded.copy_to_slice_interleaved(&mut interleaved);
        let share = 1.0 / f32::from(u8::try_from(channels).map_err(|_| "too many channels")?);
        mono.extend(
            interleaved
                .chunks_exact(channels)
                .map(|frame| frame.iter().sum::<f32>() * share),
        );
        if mono.len() / rate as usize >= MOST_SECONDS {
            return Err(format!("sound of more than {MOST_SECONDS} s"));
        }
    }
    Ok((mono, rate))
}

fn to_our_rate(mono: Vec<f32>, rate: u32) -> Result<Vec<i16>, String> {
    let samples = if rate == RATE || mono.is_empty() {
        mono
    } else {
        // As sharp for a high rate as for a low one: its filter spans as long a time, not as many samples.
        let length = TAPS * (rate.div_ceil(RATE) as usize);
        let filter = SincInterpolationParameters::new(length, WindowFunction::BlackmanHarris2);
        let ratio = f64::from(RATE) / f64::from(rate);
        let mut resampler = Async::<f32>::new_sinc(ratio, 1.0, &filter, 1024, 1, FixedAsync::Input)
            .map_err(|error| error.to_string())?;
        let frames = mono.len();
        let input = InterleavedSlice::new(&mono, 1, frames).map_err(|error| error.to_string())?;
        resampler
            .process_all(&input, frames, None)
            .map_err(|error| error.to_string())?
            .take_data()
    };
    Ok(samples
        .into_iter()
        .map(|sample| {
            #[expect(clippy::cast_possible_truncation, reason = "it is clamped to i16")]
            let sample = (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16;
            sample
        })
        .collect())
}
