//! A page read once from top to bottom: its elements, texts, styles and scripts become evidence.

use super::evidence::{Evidence, Layer};
use super::markup::{Element, Markup, Sink, read};
use super::place::{Place, Source};
use super::script::{self, Script, class_of_host};
use super::signal::SignalKind;
use super::structure::{Structure, Trait};
use super::style::{self, Frames};

/// Octets of one script or style that are gathered.
const GATHERED_MAX: usize = 2 * 1024 * 1024;
/// Handlers in attributes that are read.
const HANDLERS_MAX: u32 = 400;
/// Octets of text from which on it may hold a page in an encoding.
const DATA_MIN: usize = 200;

/// Reads a page, a frame, or markup that a script writes.
pub(super) fn page(
    text: &str,
    around: Option<&Source>,
    depth: u8,
    trust: f64,
    evidence: &mut Evidence,
) {
    let mut reader = Reader {
        evidence,
        around,
        depth,
        trust,
        inside: Inside::Body,
        gathered: String::new(),
        gathered_line: 0,
        scripts: 0,
        handlers: 0,
        sheets: Frames::default(),
        frames: Vec::new(),
    };
    read(text, &mut reader);
    reader.close();
    reader.frames_shown();
    if text.contains("<?") || text.contains("<%") {
        server_blocks(text, &reader.source(Source::Markup), reader.evidence);
    }
}

struct Reader<'a> {
    evidence: &'a mut Evidence,
    /// What the markup stands in; `None` for the page itself.
    around: Option<&'a Source>,
    depth: u8,
    trust: f64,
    inside: Inside,
    gathered: String,
    gathered_line: u32,
    scripts: u32,
    handlers: u32,
    sheets: Frames,
    frames: Vec<Frame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Body,
    Title,
    Script,
    /// A script element that holds markup.
    Template,
    /// Data, or a script whose text is not run.
    Data,
    Style,
}

struct Frame {
    whole: bool,
    names: Vec<String>,
    place: Place,
}

impl Sink for Reader<'_> {
    fn markup(&mut self, part: Markup<'_>) {
        match part {
            Markup::Start(element) => self.start(&element),
            Markup::End("script" | "style" | "title") => self.close(),
            Markup::End(_) => {}
            Markup::Text(text, line) => self.text(text, line),
        }
    }
}

impl Reader<'_> {
    fn source(&self, own: Source) -> Source {
        match (self.around, own) {
            (None, own) => own,
            (Some(around), Source::InlineScript(_)) => {
                Source::Decoded("script", Box::new(around.clone()))
            }
            (Some(around), Source::Handler(_)) => {
                Source::Decoded("attribute", Box::new(around.clone()))
            }
            (Some(around), _) => around.clone(),
        }
    }

    fn text(&mut self, text: &str, line: u32) {
        match self.inside {
            Inside::Body => {
                self.says(text);
                self.data(text, line);
            }
            Inside::Data => self.data(text, line),
            Inside::Title | Inside::Script | Inside::Template | Inside::Style => {
                if self.gathered.is_empty() {
                    let breaks = text.matches('\n').count();
                    self.gathered_line = line
                        .saturating_sub(u32::try_from(breaks).unwrap_or(0))
                        .max(1);
                }
                if self.gathered.len() + text.len() <= GATHERED_MAX {
                    self.gathered.push_str(text);
                }
            }
        }
    }

    /// What a library holds, and long data with a tag here and there, is as little of a text as what scripts say.
    fn says(&mut self, text: &str) {
        if self.trust < 1.0 {
            self.evidence.may_be_shown(text);
        } else {
            self.evidence.shown(text);
        }
    }

    /// Text without blanks, as no language has it: data for a script that may be a page.
    fn data(&mut self, text: &str, line: u32) {
        let text = text.trim();
        if text.len() < DATA_MIN
            || text.as_bytes()[..64]
                .iter()
                .any(|octet| octet.is_ascii_whitespace() || !octet.is_ascii_graphic())
        {
            return;
        }
        let Some((how, plain)) = script::revealed(text) else {
            return;
        };
        let source = self.source(Source::Markup);
        let place = Place::new(source.clone(), Some(line), text);
        self.evidence.note(SignalKind::DecodedLayer, 0.8, || place);
        self.evidence.layer(Layer {
            script: !plain.trim_start().starts_with('<'),
            text: plain,
            source: Source::Decoded(how, Box::new(source)),
            depth: self.depth + 1,
            trust: self.trust,
        });
    }

    /// The end of a script, style or title.
    fn close(&mut self) {
        let inside = std::mem::replace(&mut self.inside, Inside::Body);
        let gathered = std::mem::take(&mut self.gathered);
        if gathered.trim().is_empty() {
            return;
        }
        match inside {
            Inside::Title if self.trust < 1.0 => self.says(&gathered),
            Inside::Title => {
                if self.evidence.title.len() < 4096 {
                    self.evidence.title.push_str(&gathered);
                    self.evidence.title.push(' ');
                }
            }
            Inside::Script => {
                self.scripts += 1;
                let source = self.source(Source::InlineScript(self.scripts));
                self.script(&gathered, source, self.gathered_line);
            }
            Inside::Template => {
                let source = self.source(Source::Markup);
                self.evidence.layer(Layer {
                    text: gathered,
                    source,
                    depth: self.depth + 1,
                    script: false,
                    trust: self.trust,
                });
            }
            Inside::Style => {
                let source = self.source(Source::InlineStyle);
                let frames = style::read(
                    &gathered,
                    &source,
                    self.gathered_line,
                    self.trust,
                    self.evidence,
                );
                self.sheets.whole |= frames.whole;
                self.sheets.names.extend(frames.names);
            }
            Inside::Body | Inside::Data => {}
        }
    }

    fn script(&mut self, text: &str, source: Source, line: u32) {
        let mut script = Script::new(text, source, line, self.depth);
        script.trust *= self.trust;
        script::read(&script, self.evidence);
    }

    fn start(&mut self, element: &Element<'_>) {
        if self.inside != Inside::Body {
            self.close();
        }
        self.evidence.facts.elements += 1;
        self.attributes(element);
        if self.trust >= 1.0 {
            built(element, &mut self.evidence.structure);
        }
        match element.name {
            "script" => self.script_element(element),
            "style" => self.inside = Inside::Style,
            "title" => self.inside = Inside::Title,
            "audio" | "bgsound" | "embed" | "video" => self.sound(element),
            "iframe" | "frame" | "object" => self.frame(element),
            "meta" => self.meta(element),
            "img" => self.image(element),
            "canvas" => self.evidence.facts.canvas = true,
            "a" => {
                self.evidence.facts.links += 1;
                if element
                    .attribute("href")
                    .is_some_and(|href| href.trim_start().starts_with("tel:"))
                {
                    self.evidence.facts.call_links += 1;
                }
            }
            "input" | "textarea" | "select" => {
                self.evidence.facts.inputs += 1;
                let free = ["disabled", "readonly", "hidden"]
                    .iter()
                    .all(|name| element.attribute(name).is_none());
                self.evidence.facts.writes_back |= free
                    && (element.name == "textarea" || element.attribute("autofocus").is_some());
                self.evidence.facts.password |= element
                    .attribute("type")
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("password"));
            }
            "br" | "p" | "div" | "li" | "td" => self.evidence.shown(""),
            // A page that the system shows as a program's window.
            "hta:application" => {
                let source = self.source(Source::Markup);
                self.evidence.note(SignalKind::FullScreen, 1.0, || {
                    Place::new(source, Some(element.line), "hta:application")
                });
            }
            _ => {}
        }
    }

    fn attributes(&mut self, element: &Element<'_>) {
        let root = matches!(element.name, "body" | "html");
        for (name, value) in element.attributes() {
            match name {
                "alt" | "placeholder" | "title" | "aria-label" => self.says(value),
                "value" if element.name == "input" => {
                    self.says(value);
                    self.data(value, element.line);
                }
                _ if name.starts_with("data-") => self.data(value, element.line),
                "style" => {
                    let source = self.source(Source::Markup);
                    let place = || Place::new(source.clone(), Some(element.line), value);
                    style::attribute(value, root, &place, self.evidence);
                }
                "srcdoc" => {
                    let source = self.source(Source::Markup);
                    self.evidence.layer(Layer {
                        text: value.to_owned(),
                        source: Source::Decoded("srcdoc", Box::new(source)),
                        depth: self.depth + 1,
                        script: false,
                        trust: self.trust,
                    });
                }
                "contenteditable" => {
                    self.evidence.facts.writes_back |= !value.eq_ignore_ascii_case("false");
                }
                "href" | "src" | "action" | "data" => self.address(element, value),
                _ if name.starts_with("on")
                    && !value.is_empty()
                    && self.handlers < HANDLERS_MAX =>
                {
                    self.handlers += 1;
                    let text = if root {
                        format!("document.{name}=function(){{{value}}}")
                    } else {
                        format!("{name}=function(){{{value}}}")
                    };
                    let source = self.source(Source::Handler(name.chars().take(40).collect()));
                    self.script(&text, source, element.line);
                }
                _ => {}
            }
        }
    }

    fn address(&mut self, element: &Element<'_>, value: &str) {
        let value = value.trim_start();
        let begins = |scheme: &str| {
            value
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if begins("javascript:") {
            if value.len() > 24 {
                let source = self.source(Source::Handler("javascript:".into()));
                let plain = script::percent_decoded(&value[11..]);
                self.script(&plain, source, element.line);
            }
        } else if begins("data:text/html") {
            self.data_page(value, element.line);
        } else if let Some(class) = class_of_host(value)
            && element.name != "a"
        {
            let source = self.source(Source::Markup);
            self.evidence
                .note(class, 1.0, || Place::new(source, Some(element.line), value));
        }
    }

    /// `data:text/html;base64,…`.
    fn data_page(&mut self, value: &str, line: u32) {
        let Some(text) = script::data_page(value) else {
            return;
        };
        let source = self.source(Source::Markup);
        let place = Place::new(source.clone(), Some(line), value);
        self.evidence.note(SignalKind::DecodedLayer, 0.8, || place);
        self.evidence.layer(Layer {
            text,
            source: Source::Decoded("data address", Box::new(source)),
            depth: self.depth + 1,
            script: false,
            trust: self.trust,
        });
    }

    fn script_element(&mut self, element: &Element<'_>) {
        let kind = element
            .attribute("type")
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let linked = element.attribute("src").is_some();
        self.inside = if linked {
            self.evidence.facts.script_references += 1;
            self.data_script(element);
            Inside::Data
        } else if kind.is_empty()
            || kind.contains("script")
            || kind == "module"
            || kind.contains("babel")
        {
            Inside::Script
        } else if kind.contains("html") || kind.contains("template") || kind.contains("handlebars")
        {
            Inside::Template
        } else {
            Inside::Data
        };
    }

    /// `src="data:text/javascript;base64,…"`.
    fn data_script(&mut self, element: &Element<'_>) {
        let Some(value) = element.attribute("src").map(str::trim_start) else {
            return;
        };
        if value.starts_with("data:")
            && let Some(text) = script::data_page(value)
        {
            let source = self.source(Source::Markup);
            let place = Place::new(source.clone(), Some(element.line), value);
            self.evidence.note(SignalKind::DecodedLayer, 0.4, || place);
            self.evidence.layer(Layer {
                text,
                source: Source::Decoded("data address", Box::new(source)),
                depth: self.depth + 1,
                script: true,
                trust: self.trust,
            });
        }
    }

    fn sound(&mut self, element: &Element<'_>) {
        let muted = element.attribute("muted").is_some();
        let starts = element.attribute("autoplay").is_some()
            || matches!(element.name, "bgsound" | "embed")
                && element.attribute("src").is_some_and(|src| {
                    let src = src.to_ascii_lowercase();
                    [".mp3", ".wav", ".ogg", ".m4a"]
                        .iter()
                        .any(|ending| src.contains(ending))
                });
        // A film that starts with its sound and begins again, without a button to stop it by, is one too.
        let filmed = element.name == "video"
            && starts
            && !muted
            && ["loop", "playsinline"]
                .iter()
                .all(|name| element.attribute(name).is_some());
        // Controls that nobody sees stop nothing.
        let controls = element.attribute("controls").is_some() && !unseen(element);
        if (element.name == "audio" || filmed) && !controls {
            self.evidence.facts.bare_sounds += 1;
            self.evidence.facts.bare_loops += u32::from(element.attribute("loop").is_some());
        }
        if !starts || muted {
            return;
        }
        let repeats = element.attribute("loop").is_some();
        let strength = match element.name {
            "video" => 0.3,
            _ if controls => 0.5,
            _ if repeats => 1.0,
            _ => 0.9,
        };
        let source = self.source(Source::Markup);
        let shown = format!(
            "<{} autoplay src={}>",
            element.name,
            element.attribute("src").unwrap_or_default()
        );
        self.evidence.note(SignalKind::AudioAutoplay, strength, || {
            Place::new(source, Some(element.line), &shown)
        });
    }

    fn frame(&mut self, element: &Element<'_>) {
        let attribute = |name: &str| element.attribute(name).unwrap_or_default();
        let shown = format!(
            "<{} src={}>",
            element.name,
            element.attribute("src").unwrap_or(attribute("data"))
        );
        let place = Place::new(self.source(Source::Markup), Some(element.line), &shown);
        let source = element.attribute("src").unwrap_or(attribute("data")).trim();
        if [".mp3", ".wav", ".ogg"]
            .iter()
            .any(|ending| source.to_ascii_lowercase().contains(ending))
        {
            self.evidence.note(SignalKind::AudioAutoplay, 0.8, || place);
            return;
        }
        self.evidence.facts.frames += 1;
        let whole = style::fills_window(&attribute("style").to_ascii_lowercase())
            || attribute("width").trim().starts_with("100%")
                && attribute("height").trim().starts_with("100%")
            || element.name == "frame";
        let written = element.attribute("srcdoc").is_some() || !source.is_empty();
        if self.frames.len() < 64 && (written || !attribute("id").is_empty()) {
            let names = attribute("class")
                .split_ascii_whitespace()
                .chain([attribute("id")]);
            self.frames.push(Frame {
                whole,
                names: names.map(str::to_ascii_lowercase).collect(),
                place,
            });
        }
    }

    /// Frames whose size is told by a sheet that may stand behind them.
    fn frames_shown(&mut self) {
        for frame in std::mem::take(&mut self.frames) {
            let whole = frame.whole
                || self.sheets.whole
                || frame
                    .names
                    .iter()
                    .any(|name| self.sheets.names.contains(name));
            if whole {
                self.evidence.facts.whole_frames += 1;
                self.evidence
                    .note(SignalKind::FrameShell, 0.4, || frame.place);
            }
        }
    }

    fn meta(&mut self, element: &Element<'_>) {
        let name = element
            .attribute("name")
            .unwrap_or_default()
            .to_ascii_lowercase();
        let content = element.attribute("content").unwrap_or_default();
        if matches!(name.as_str(), "robots" | "googlebot")
            && content.to_ascii_lowercase().contains("noindex")
        {
            let source = self.source(Source::Markup);
            self.evidence.note(SignalKind::NoIndex, 1.0, || {
                Place::new(source, Some(element.line), content)
            });
        }
        if let Some(address) = element.refresh()
            && address.starts_with("data:")
        {
            self.data_page(address, element.line);
        }
    }

    fn image(&mut self, element: &Element<'_>) {
        let facts = &mut self.evidence.facts;
        facts.images += 1;
        let attribute = |name: &str| element.attribute(name).unwrap_or_default();
        let style = attribute("style").to_ascii_lowercase();
        let wide = attribute("width").starts_with("100%")
            || style.contains("width:100")
            || style.contains("width: 100")
            || element.attribute("usemap").is_some()
            || attribute("width")
                .trim_end_matches("px")
                .parse::<u32>()
                .is_ok_and(|width| width >= 600);
        facts.large_images += u32::from(wide);
    }
}

/// The traits of an element.
fn built(element: &Element<'_>, structure: &mut Structure) {
    for (name, value) in element.attributes() {
        if let Some(event) = name.strip_prefix("on")
            && !value.is_empty()
        {
            structure.add_event(event);
            if event == "beforeunload" {
                structure.add(Trait::LeavingInMarkup);
            }
        }
    }
    match element.name {
        "audio" => {
            structure.add(Trait::AudioElement);
            for (name, found) in [
                ("autoplay", Trait::AudioStarts),
                ("loop", Trait::AudioLoops),
            ] {
                if element.attribute(name).is_some() {
                    structure.add(found);
                }
            }
        }
        "marquee" => structure.add(Trait::Marquee),
        _ => {}
    }
}

fn unseen(element: &Element<'_>) -> bool {
    let style = element
        .attribute("style")
        .unwrap_or_default()
        .to_ascii_lowercase()
        .replace(' ', "");
    element.attribute("hidden").is_some()
        || ["display:none", "visibility:hidden", "opacity:0;", "width:0"]
            .iter()
            .any(|rule| style.contains(rule))
}

/// Programs of a server that were left in the source: a number that they take from the address.
fn server_blocks(text: &str, source: &Source, evidence: &mut Evidence) {
    const READS: &[&str] = &[
        "$_GET[",
        "$_REQUEST[",
        "$_POST[",
        "Request.QueryString(",
        "Request.QueryString[",
        "filter_input(INPUT_GET,",
    ];
    for reads in READS {
        for (at, _) in text.match_indices(reads).take(50) {
            let name: String = text[at + reads.len()..]
                .trim_start_matches(['\'', '"', ' '])
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-')
                .take(40)
                .collect();
            if let Some(weight) = script::number_parameter(&name) {
                let line = text[..at].matches('\n').count();
                let line = u32::try_from(line).ok().map(|line| line + 1);
                evidence.note(SignalKind::PhoneFromQuery, weight, || {
                    Place::around(source.clone(), line, text, at)
                });
            }
        }
    }
}
