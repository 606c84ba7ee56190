//! Trains and examines the detector of `ringfence-fence`: the corpus, pages made for it, and the fit. For development
//! only; nothing here ships.

pub mod corpus;
pub mod figures;
pub mod fit;
pub mod held_out;
pub mod lock_pages;
pub mod ordinary_pages;
pub mod second_look;
pub mod third_look;

use ringfence_fence::look::{Linked, LinkedKind, Look, Page, look};
use url::Url;

/// A page made for the detector, with what belongs to it.
#[derive(Debug, Clone)]
pub struct Specimen {
    /// It imitates a lock page.
    pub scam: bool,
    /// What sort of page.
    pub kind: String,
    /// Its name within its kind.
    pub name: String,
    /// Its language.
    pub lang: String,
    /// Its octets.
    pub html: Vec<u8>,
    /// Where it would be.
    pub url: Option<String>,
    /// What belongs to it.
    pub linked: Vec<(String, LinkedKind, Vec<u8>)>,
}

impl Specimen {
    fn new(scam: bool, kind: &str, name: &str, lang: &str, html: Vec<u8>) -> Self {
        Self {
            scam,
            kind: kind.into(),
            name: name.into(),
            lang: lang.into(),
            html,
            url: None,
            linked: Vec::new(),
        }
    }

    /// An imitation of a lock page.
    pub fn scam(kind: &str, name: &str, lang: &str, html: Vec<u8>) -> Self {
        Self::new(true, kind, name, lang, html)
    }

    /// An ordinary page.
    pub fn ordinary(kind: &str, name: &str, lang: &str, html: Vec<u8>) -> Self {
        Self::new(false, kind, name, lang, html)
    }

    fn link(&mut self, name: &str, kind: LinkedKind, text: &str) {
        self.linked
            .push((name.into(), kind, text.as_bytes().to_vec()));
    }

    /// The page as it is found where nothing of what belongs to it was saved.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self {
            linked: Vec::new(),
            ..self.clone()
        }
    }

    /// What the detector says of it.
    pub fn look(&self) -> Look {
        let url = self.url.as_deref().and_then(|url| Url::parse(url).ok());
        let linked: Vec<Linked<'_>> = self
            .linked
            .iter()
            .map(|(url, kind, octets)| Linked {
                url,
                kind: *kind,
                octets,
                content_type: None,
            })
            .collect();
        look(&Page {
            octets: &self.html,
            url: url.as_ref(),
            content_type: None,
            linked: &linked,
            linked_known: true,
        })
    }
}
