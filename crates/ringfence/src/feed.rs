//! `ringfence feed`: the hosts of confirmed cases, printed or written into a file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use ringfence_guard::write;
use ringfence_platform::now;
use uuid::Uuid;

use crate::admin::platform;
use crate::cli::Feed;
use crate::config::Config;

/// Prints or writes the feed.
///
/// # Errors
/// When the rows cannot be read or the file cannot be written.
pub async fn run(config: &Config, wish: &Feed) -> anyhow::Result<()> {
    let platform = platform(config).await?;
    let entries = platform.feed(wish.keep).await?;
    // The first account is that of whoever runs the server; it never changes.
    let first = platform.db.first_account().await?;
    let publisher = first.map_or_else(Uuid::nil, |account| account.id.0);
    platform.db.close().await;
    let text = write(wish.format, &entries, now(), publisher);
    match &wish.out {
        Some(file) => replace(file, &text)
            .with_context(|| format!("the feed was not written into {}", file.display())),
        None => Ok(io::stdout().write_all(text.as_bytes())?),
    }
}

/// Whoever reads the file meanwhile reads the old one or the new one, whole.
fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let mut new = File::create(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    Ok(fs::rename(&beside, file)?)
}
