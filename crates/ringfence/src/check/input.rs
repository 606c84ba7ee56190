//! What is to be looked at: files, URLs and standard input, one after the other, from the command line or a list.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use ringfence_platform::fence::look::{LinkedKind, READ_MAX};
use url::Url;

use crate::cli::Check;

/// Octets of one line of a list.
const LINE_MAX: u64 = 64 * 1024;

/// A page to look at.
#[derive(Debug)]
pub enum Input {
    /// From a file, or from standard input when it is `-`.
    File {
        path: PathBuf,
        url: Option<Url>,
        /// `None` when nothing is known beyond the page.
        linked: Option<Vec<PathBuf>>,
    },
    /// From its server.
    Url(String),
    /// A line of the list that names nothing.
    Unreadable { page: String, error: String },
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("expected a page to look at: a file, a URL, `-` for standard input, or --from LIST{}", if *.linked { "; what stands behind --linked belongs to the page, so the page goes before it" } else { "" })]
    Nothing { linked: bool },
    #[error(
        "expected one page for --linked, got {0}; a list (--from) can name the scripts of each page"
    )]
    LinkedOfSeveral(usize),
    #[error("expected to read the list {}: {error}", .path.display())]
    List { path: PathBuf, error: io::Error },
    #[error("expected standard input for one thing, got it for {0}")]
    StandardInputTwice(usize),
}

/// Every page in its order; a list is read as far as it is needed.
pub struct Inputs {
    first: std::vec::IntoIter<Input>,
    list: Option<Box<dyn io::BufRead + Send>>,
}

impl Inputs {
    pub fn of(check: &Check) -> Result<Self, InputError> {
        let linked = check.linked.as_ref().filter(|linked| !linked.is_empty());
        if check.pages.is_empty() && check.from.is_none() {
            return Err(InputError::Nothing {
                linked: linked.is_some(),
            });
        }
        if linked.is_some() && check.pages.len() != 1 {
            return Err(InputError::LinkedOfSeveral(check.pages.len()));
        }
        let standard = check.pages.iter().filter(|page| *page == "-").count()
            + usize::from(check.from.as_deref() == Some(Path::new("-")));
        if standard > 1 {
            return Err(InputError::StandardInputTwice(standard));
        }
        let first: Vec<Input> = check
            .pages
            .iter()
            .map(|page| input(page, check.url.clone(), linked.cloned()))
            .collect();
        let list: Option<Box<dyn io::BufRead + Send>> = match check.from.as_deref() {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(BufReader::new(io::stdin()))),
            Some(path) => {
                let file = File::open(path).map_err(|error| InputError::List {
                    path: path.to_owned(),
                    error,
                })?;
                Some(Box::new(BufReader::new(file)))
            }
        };
        Ok(Self {
            first: first.into_iter(),
            list,
        })
    }
}

impl Iterator for Inputs {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        if let Some(input) = self.first.next() {
            return Some(input);
        }
        let list = self.list.as_mut()?;
        loop {
            let mut line = Vec::new();
            match list.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    self.list = None;
                    return Some(Input::Unreadable {
                        page: "the list".into(),
                        error: format!("expected its next line: {error}"),
                    });
                }
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.trim().is_empty() {
                return Some(listed(text));
            }
        }
    }
}

/// `page`, or `page TAB url TAB linked TAB …` with a URL that may be empty.
fn listed(line: &str) -> Input {
    let mut parts = line.split('\t');
    let page = parts.next().unwrap_or_default();
    let url = match parts.next().map(str::trim).filter(|url| !url.is_empty()) {
        None => None,
        Some(text) => match Url::parse(text) {
            Ok(url) => Some(url),
            Err(error) => {
                return Input::Unreadable {
                    page: page.into(),
                    error: format!("expected a URL behind the first tab, got {text:?}: {error}"),
                };
            }
        },
    };
    let linked: Vec<PathBuf> = parts
        .filter(|part| !part.is_empty())
        .map(PathBuf::from)
        .collect();
    input(page, url, (!linked.is_empty()).then_some(linked))
}

fn input(page: &str, url: Option<Url>, linked: Option<Vec<PathBuf>>) -> Input {
    let scheme = page
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => Input::Url(page.into()),
        _ => Input::File {
            path: page.into(),
            url,
            linked,
        },
    }
}

/// A file's octets as far as they are looked at, and one more so that a longer one is known as such.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let most = READ_MAX as u64 + 1;
    let mut octets = Vec::new();
    if path == Path::new("-") {
        io::stdin()
            .take(most)
            .read_to_end(&mut octets)
            .map_err(|error| format!("expected a page on standard input: {error}"))?;
        return Ok(octets);
    }
    let said = |error: io::Error| format!("expected a file that can be read: {error}");
    let file = File::open(path).map_err(said)?;
    let about = file.metadata().map_err(said)?;
    if about.is_dir() {
        return Err("expected a file, got a folder; name the files in it".into());
    }
    octets.reserve(usize::try_from(about.len().min(most)).unwrap_or_default());
    file.take(most).read_to_end(&mut octets).map_err(said)?;
    Ok(octets)
}

/// What a linked file is, by its name, and where that says nothing by how it begins.
pub fn kind(path: &Path, octets: &[u8]) -> LinkedKind {
    let extension = path
        .extension()
        .and_then(|text| text.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "js" | "mjs" | "cjs" => LinkedKind::Script,
        "css" => LinkedKind::Style,
        "html" | "htm" | "xhtml" | "php" | "asp" | "aspx" | "jsp" => LinkedKind::Frame,
        "mp3" | "ogg" | "wav" | "m4a" | "webm" | "mp4" | "png" | "jpg" | "jpeg" | "gif"
        | "webp" | "svg" | "ico" => LinkedKind::Media,
        _ if octets.trim_ascii_start().starts_with(b"<") => LinkedKind::Frame,
        _ => LinkedKind::Script,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_list_names_a_page_its_address_and_its_scripts() {
        let Input::File { path, url, linked } =
            listed("a b.html\thttps://www.example.com/\tlock.js\tframe.html")
        else {
            panic!("expected a file");
        };
        assert_eq!(path, Path::new("a b.html"));
        assert_eq!(
            url.map(String::from).as_deref(),
            Some("https://www.example.com/")
        );
        assert_eq!(linked, Some(vec!["lock.js".into(), "frame.html".into()]));
        assert!(matches!(listed("HTTPS://www.example.com/"), Input::Url(_)));
        assert!(matches!(
            listed("a.html\t\t"),
            Input::File {
                url: None,
                linked: None,
                ..
            }
        ));
        assert!(matches!(
            listed("a.html\tnot a url"),
            Input::Unreadable { .. }
        ));
    }

    #[test]
    fn a_linked_file_is_known_by_its_name_or_its_beginning() {
        for (name, octets, expected) in [
            ("a.js", "<x", LinkedKind::Script),
            ("A.HTM", "x", LinkedKind::Frame),
            ("a.php", "x", LinkedKind::Frame),
            ("a.css", "x", LinkedKind::Style),
            ("alarm.mp3", "x", LinkedKind::Media),
            ("a", "\n <!doctype html>", LinkedKind::Frame),
            ("a", "var x", LinkedKind::Script),
        ] {
            assert_eq!(
                kind(Path::new(name), octets.as_bytes()),
                expected,
                "{name} {octets}"
            );
        }
    }
}
