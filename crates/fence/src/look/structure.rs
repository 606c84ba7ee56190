//! How a page is built: which parts and calls it has, whatever it says, and how much that is like the lock pages that
//! are known. A second opinion, beside the model of signals and its rules.
//!
//! A page either has a trait or has not: what is there twice counts once, and a library's traits do not count. No weight
//! but the bias is negative, so nothing that is added to a page, of whatever sort and however often, makes it less like
//! a lock page. Traits are no words, brands or numbers; the same ones are read from the corpus by `ringfence-training`,
//! which fits the weights and writes `structure.tsv`.

use std::sync::LazyLock;

use super::Verdict;
use super::model::Weights;

/// The score from which a page is surely built like a lock page.
pub const SURE_FROM: f64 = 0.6;
/// The score from which a person should look at how it is built.
pub const LIKELY_FROM: f64 = 0.45;

macro_rules! traits {
    ($( $name:ident = $word:literal, $shown:literal; )*) => {
        /// A part or a call of a page.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Trait { $( #[doc = $shown] $name, )* }

        impl Trait {
            /// Every trait.
            pub const ALL: &[Self] = &[ $( Self::$name, )* ];

            /// Its stable word, as in `structure.tsv`.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$name => $word, )* }
            }

            /// What it is, for a person.
            pub fn shown(self) -> &'static str {
                match self { $( Self::$name => $shown, )* }
            }
        }
    };
}

traits! {
    FullScreen = "full_screen", "full screen";
    FullScreenOfOld = "full_screen_of_old", "full screen under its name of old";
    FullScreenCopied = "full_screen_copied", "full screen as tutorials copy it";
    FullScreenNamed = "full_screen_named", "a function named after full screen";
    KeyboardLock = "keyboard_lock", "a lock of the keyboard";
    PointerLock = "pointer_lock", "a capture of the pointer";
    CursorInScript = "cursor_in_script", "a script that hides the pointer";
    CursorInStyle = "cursor_in_style", "a style that hides the pointer";
    CursorInManyStyles = "cursor_in_many_styles", "many styles that hide the pointer";
    HistoryWritten = "history_written", "entries in the history";
    Dialogs = "dialogs", "dialogs";
    AudioElement = "audio_element", "a sound in the page";
    AudioStarts = "audio_starts", "a sound that starts by itself";
    AudioLoops = "audio_loops", "a sound without end";
    AudioMade = "audio_made", "a sound that a script makes";
    AudioCopied = "audio_copied", "a sound as tutorials copy it";
    Plays = "plays", "a script that plays";
    PlaysAgain = "plays_again", "a sound that starts itself again";
    Speaks = "speaks", "a script that speaks";
    OnLeaving = "on_leaving", "a handler of leaving";
    LeavingInMarkup = "leaving_in_markup", "a handler of leaving in the markup";
    Question = "question", "an answer for the browser's question";
    QuestionCopied = "question_copied", "a question on leaving as tutorials copy it";
    OnBack = "on_back", "a handler of the back key";
    OnEnded = "on_ended", "a handler of a sound's end";
    OnKeyDown = "on_key_down", "a handler of keys";
    OnKeyUp = "on_key_up", "a handler of keys let go";
    OnKeyPress = "on_key_press", "a handler of keys pressed";
    KeysOfPage = "keys_of_page", "one handler for every key";
    KeyEscape = "key_escape", "Escape is looked for";
    KeyFunction = "key_function", "function keys are looked for";
    KeyModifier = "key_modifier", "Ctrl or Alt is looked for";
    KeyTab = "key_tab", "Tab is looked for";
    OnMenu = "on_menu", "a handler of the context menu";
    OnMouseDown = "on_mouse_down", "a handler of mouse buttons";
    OnMouseOver = "on_mouse_over", "a handler of the mouse above";
    OnMouseLeave = "on_mouse_leave", "a handler of the mouse that leaves";
    OnSelect = "on_select", "a handler of selecting or dragging";
    ExitCopied = "exit_copied", "a watch on the mouse that leaves the window";
    AddressCopied = "address_copied", "parameters of the address read as tutorials copy it";
    FadesIn = "fades_in", "boxes that fade in";
    Marquee = "marquee", "text that runs";
    NoIndex = "no_index", "no search engines";
}

/// The traits of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Structure(u64);

impl Structure {
    /// Adds a trait.
    pub fn add(&mut self, new: Trait) {
        self.0 |= 1 << new as u64;
    }

    /// Adds all of another page's, frame's or script's.
    pub fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether it has a trait.
    pub fn has(self, one: Trait) -> bool {
        self.0 & (1 << one as u64) != 0
    }

    /// Its traits, in the order of [`Trait::ALL`].
    pub fn traits(self) -> impl Iterator<Item = Trait> {
        Trait::ALL.iter().copied().filter(move |&one| self.has(one))
    }

    /// A trait of a handler of this event, given in small letters and without `on`.
    pub fn add_event(&mut self, event: &str) {
        self.add(match event {
            "beforeunload" => Trait::OnLeaving,
            "popstate" => Trait::OnBack,
            "ended" => Trait::OnEnded,
            "keydown" => Trait::OnKeyDown,
            "keyup" => Trait::OnKeyUp,
            "keypress" => Trait::OnKeyPress,
            "contextmenu" => Trait::OnMenu,
            "mousedown" => Trait::OnMouseDown,
            "mouseover" => Trait::OnMouseOver,
            "mouseleave" => Trait::OnMouseLeave,
            "selectstart" | "dragstart" => Trait::OnSelect,
            _ => return,
        });
    }

    /// A trait of a name in a script, as it is written there.
    pub fn add_name(&mut self, name: &str) {
        self.add(match name {
            "requestFullScreen" => Trait::FullScreenOfOld,
            "rfs" => Trait::FullScreenCopied,
            "confirmationMessage" | "data_needs_saving" => Trait::QuestionCopied,
            "audioElement" => Trait::AudioCopied,
            "toElement" => Trait::ExitCopied,
            "fadeIn" => Trait::FadesIn,
            "regexS" => Trait::AddressCopied,
            "onkeydown" | "onkeyup" | "onkeypress" => Trait::KeysOfPage,
            "returnValue" => Trait::Question,
            _ if is_own_full_screen(name) => Trait::FullScreenNamed,
            _ => return,
        });
    }

    /// What it is made of, as the model sees it, in the order of [`names`].
    pub fn features(self) -> Vec<f64> {
        let any = |traits: &[Trait]| traits.iter().any(|&one| self.has(one));
        let full = self.has(Trait::FullScreen);
        let sound = any(&[
            Trait::AudioElement,
            Trait::AudioMade,
            Trait::Plays,
            Trait::Speaks,
        ]);
        let leaving = self.has(Trait::OnLeaving);
        let keys = any(&[
            Trait::OnKeyDown,
            Trait::OnKeyUp,
            Trait::OnKeyPress,
            Trait::KeysOfPage,
        ]);
        let pointer = any(&[
            Trait::CursorInScript,
            Trait::CursorInStyle,
            Trait::CursorInManyStyles,
            Trait::PointerLock,
        ]);
        let held = any(&[Trait::OnMenu, Trait::KeyboardLock, Trait::OnBack]);
        let number = |holds: bool| f64::from(u8::from(holds));
        let kinds = [full, sound, leaving, keys, pointer, held];
        let count: u8 = kinds.into_iter().map(u8::from).sum();
        Trait::ALL
            .iter()
            .map(|&one| number(self.has(one)))
            .chain((2..=6).map(|least| number(count >= least)))
            .chain([
                number(full && sound),
                number(full && leaving),
                number(sound && leaving),
                number(full && sound && leaving),
                number(full && sound && leaving && keys),
            ])
            .collect()
    }

    /// How like known lock pages it is, 0 to 1.
    pub fn score(self) -> f64 {
        committed().score(&self.features())
    }

    /// What its traits add to the logit of its score.
    pub fn weight(self) -> f64 {
        let features = self.features();
        let weighed = committed().weights.iter().zip(&features);
        weighed.map(|(weight, feature)| weight * feature).sum()
    }

    /// Its traits that weigh most, heaviest first, at most so many.
    pub fn strongest(self, most: usize) -> Vec<Trait> {
        let weights = committed();
        let mut traits: Vec<(Trait, f64)> = Trait::ALL
            .iter()
            .copied()
            .zip(weights.weights.iter().copied())
            .filter(|&(one, weight)| self.has(one) && weight > 0.0)
            .collect();
        traits.sort_by(|one, other| other.1.total_cmp(&one.1));
        traits.into_iter().take(most).map(|(one, _)| one).collect()
    }
}

impl FromIterator<Trait> for Structure {
    fn from_iter<T: IntoIterator<Item = Trait>>(traits: T) -> Self {
        let mut structure = Self::default();
        for one in traits {
            structure.add(one);
        }
        structure
    }
}

/// A name after full screen that no browser has: `toggleFullScreen`, `openFullscreen`.
fn is_own_full_screen(name: &str) -> bool {
    const OF_BROWSERS: &[&str] = &[
        "request", "exit", "cancel", "enter", "element", "enabled", "change", "error", "allow",
        "display",
    ];
    let named = |octets: &[u8]| octets.eq_ignore_ascii_case(b"fullscreen");
    if !(11..=40).contains(&name.len()) || !name.as_bytes().windows(10).any(named) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    !OF_BROWSERS.iter().any(|part| lower.contains(part))
}

/// Names of what traits say together.
const TOGETHER: &[&str] = &[
    "kinds_2",
    "kinds_3",
    "kinds_4",
    "kinds_5",
    "kinds_6",
    "full_screen_and_sound",
    "full_screen_and_leaving",
    "sound_and_leaving",
    "full_screen_sound_leaving",
    "full_screen_sound_leaving_keys",
];

/// What a score says by itself.
pub fn verdict(score: f64) -> Verdict {
    match score {
        score if score >= SURE_FROM => Verdict::Scam,
        score if score >= LIKELY_FROM => Verdict::Suspicious,
        _ => Verdict::Clean,
    }
}

/// The names of all features, in their order; the bias is not one of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    Trait::ALL
        .iter()
        .map(|one| one.as_str())
        .chain(TOGETHER.iter().copied())
}

static WEIGHTS: LazyLock<Weights> =
    LazyLock::new(|| Weights::of_names(include_str!("structure.tsv"), names()));

/// The committed weights.
pub fn committed() -> &'static Weights {
    &WEIGHTS
}
