//! What a page refers to, for whoever fetches it: in the order in which it matters, and bounded.

use url::Url;

use super::markup::{Markup, Sink, read};
use super::{Page, octets};

/// References of one kind that are named at most.
pub const REFERENCES_MAX: usize = 64;

/// Addresses that a page refers to, as absolute as they can be made, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Scripts, those of the page's own host first.
    pub scripts: Vec<String>,
    /// Frames and `meta` refreshes.
    pub frames: Vec<String>,
    /// Style sheets.
    pub styles: Vec<String>,
    /// Sounds first, then films and pictures.
    pub media: Vec<String>,
}

/// What a page's markup refers to.
pub fn references(page: &Page<'_>) -> References {
    let text = octets::decoded(page.octets, page.content_type);
    let mut found = Found::default();
    read(&text, &mut found);
    let base = found
        .base
        .as_deref()
        .and_then(|base| match page.url {
            Some(url) => url.join(base).ok(),
            None => Url::parse(base).ok(),
        })
        .or_else(|| page.url.cloned());
    let own = page.url.and_then(Url::host_str);
    let foreign = |address: &str| match Url::parse(address) {
        Ok(url) => own.is_none() || url.host_str() != own,
        Err(_) => false,
    };
    let whole = |addresses: Vec<String>| {
        let mut whole: Vec<String> = Vec::new();
        for address in addresses {
            let address = match &base {
                Some(base) => match base.join(&address) {
                    Ok(url) => String::from(url),
                    Err(_) => continue,
                },
                None => address,
            };
            if fetchable(&address) && !whole.contains(&address) {
                whole.push(address);
            }
        }
        whole.sort_by_key(|address| foreign(address));
        whole.truncate(REFERENCES_MAX);
        whole
    };
    let mut media = whole(found.sounds);
    media.extend(whole(found.pictures));
    media.truncate(REFERENCES_MAX);
    References {
        scripts: whole(found.scripts),
        frames: whole(found.frames),
        styles: whole(found.styles),
        media,
    }
}

/// Addresses that name nothing to fetch are left out.
fn fetchable(address: &str) -> bool {
    let lower: String = address
        .chars()
        .take(16)
        .collect::<String>()
        .to_ascii_lowercase();
    !address.is_empty()
        && !address.starts_with('#')
        && !["data:", "javascript:", "blob:", "about:", "mailto:", "tel:"]
            .iter()
            .any(|scheme| lower.starts_with(scheme))
}

#[derive(Default)]
struct Found {
    base: Option<String>,
    scripts: Vec<String>,
    frames: Vec<String>,
    styles: Vec<String>,
    sounds: Vec<String>,
    pictures: Vec<String>,
}

/// As many of one kind are collected before they are sorted.
const COLLECTED_MAX: usize = 4 * REFERENCES_MAX;

impl Sink for Found {
    fn markup(&mut self, part: Markup<'_>) {
        let Markup::Start(element) = part else {
            return;
        };
        let keep = |list: &mut Vec<String>, address: &str| {
            if list.len() < COLLECTED_MAX && !address.trim().is_empty() {
                list.push(address.trim().to_owned());
            }
        };
        let source = element.attribute("src");
        match element.name {
            "base" if self.base.is_none() => {
                self.base = element.attribute("href").map(str::to_owned);
            }
            "script" => {
                if let Some(address) = source.or_else(|| element.attribute("href")) {
                    keep(&mut self.scripts, address);
                }
            }
            "iframe" | "frame" => {
                if let Some(address) = source {
                    keep(&mut self.frames, address);
                }
            }
            "object" | "embed" => {
                if let Some(address) = element.attribute("data").or(source) {
                    keep(&mut self.frames, address);
                }
            }
            "meta" => {
                if let Some(address) = element.refresh() {
                    keep(&mut self.frames, address);
                }
            }
            "link" => {
                let rel = element.attribute("rel").unwrap_or_default();
                if let Some(address) = element.attribute("href")
                    && rel.to_ascii_lowercase().contains("stylesheet")
                {
                    keep(&mut self.styles, address);
                }
            }
            "audio" | "source" => {
                if let Some(address) = source {
                    keep(&mut self.sounds, address);
                }
            }
            "video" | "img" => {
                if let Some(address) = source {
                    keep(&mut self.pictures, address);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_scripts_come_first_and_addresses_are_whole() {
        let url = Url::parse("https://www.example.com/a/b.html").unwrap();
        let html = br#"<script src="https://cdn.test/x.js"></script><script src="lock.js"></script><script src='lock.js'></script>
            <iframe src="/frame.html"></iframe><meta http-equiv=refresh content="0; url='next.html'">
            <link rel="stylesheet" href="c.css"><img src="data:image/png;base64,AA"><img src=p.png><audio src=alarm.mp3></audio>"#;
        let page = Page {
            octets: html,
            url: Some(&url),
            content_type: None,
            linked: &[],
            linked_known: false,
        };
        let found = references(&page);
        assert_eq!(
            found.scripts,
            ["https://www.example.com/a/lock.js", "https://cdn.test/x.js"]
        );
        assert_eq!(
            found.frames,
            [
                "https://www.example.com/frame.html",
                "https://www.example.com/a/next.html"
            ]
        );
        assert_eq!(found.styles, ["https://www.example.com/a/c.css"]);
        assert_eq!(
            found.media,
            [
                "https://www.example.com/a/alarm.mp3",
                "https://www.example.com/a/p.png"
            ]
        );
        let found = references(&Page { url: None, ..page });
        assert_eq!(found.scripts, ["lock.js", "https://cdn.test/x.js"]);
    }
}
