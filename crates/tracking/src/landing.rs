//! What a landing page's URL says: its host, its UTM parameters and its click id.

use ringfence_model::{ClickId, Utm};
use url::Url;

/// The longest page URL that is read, in octets.
pub const PAGE_URL_MAX: usize = 4096;
/// The longest landing page that is kept, in octets; the rest is cut off.
pub const LANDING_STORED_MAX: usize = 2048;
/// The longest UTM value or click id that is kept, in octets; the rest is cut off.
pub const VALUE_MAX: usize = 256;

/// A text that is no page's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LandingError {
    /// Not absolute, not http or https, or without a host.
    #[error("expected the page's URL, such as https://www.example.com/, got {0:?}")]
    NotAPage(String),
    /// Over [`PAGE_URL_MAX`] octets.
    #[error("expected a page URL of at most {PAGE_URL_MAX} octets, got {0}")]
    TooLong(usize),
}

/// A page's URL, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The URL without user, password and fragment, at most [`LANDING_STORED_MAX`] octets.
    pub url: String,
    /// Lower case, without its port.
    pub host: String,
    /// The UTM parameters that it carries.
    pub utm: Utm,
    /// The first known click id that it carries.
    pub click_id: Option<ClickId>,
}

/// Reads a landing page's URL.
///
/// # Errors
/// [`LandingError`] when it is no page's URL or too long.
pub fn parse_landing(text: &str) -> Result<Landing, LandingError> {
    let _ = text;
    todo!()
}

impl Landing {
    /// Reads a URL that is parsed already.
    pub fn from_url(url: &Url) -> Self {
        let _ = url;
        todo!()
    }
}

/// `text` cut at a character's boundary so that it has at most `max` octets.
pub fn shortened(text: &str, max: usize) -> &str {
    let _ = max;
    text
}
