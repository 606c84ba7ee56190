//! Reads the configuration: the file, over it the environment, and secrets from files of their own.
//! An unknown key or a wrong value is refused with its place and the keys that are known.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize as _;
use serde::de::Error as _;
use toml::{Table, Value};

use super::Config;

/// The file that is read when none is named and it exists.
const USUAL_FILE: &str = "ringfence.toml";

/// Variables of the environment that begin so and carry two underscores set a key.
const PREFIX: &str = "RINGFENCE_";

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("expected to read the configuration from {}: {source}; name another file with --config, or leave it out for the defaults", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says what is not understood.
    #[error("{}:{line}:{column}: {message}", .path.display())]
    Refused {
        /// Which file.
        path: PathBuf,
        /// 1 for its first line.
        line: usize,
        /// 1 for the line's first character.
        column: usize,
        /// What was expected and what came.
        message: String,
    },
    /// A variable of the environment names no key.
    #[error("{name} in the environment names no key of the configuration; {known}")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// What would have been right.
        known: String,
    },
    /// A variable of the environment has a value that its key cannot take.
    #[error("{name} in the environment: {message}")]
    BadVariable {
        /// The variable.
        name: String,
        /// What was expected and what came.
        message: String,
    },
    /// A secret is given twice, or its file cannot be used.
    #[error("{key}: {message}")]
    Secret {
        /// The key that names the file.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// Reads `path`, or `ringfence.toml` of this folder where there is one, and the program's environment.
///
/// # Errors
/// [`ConfigError`] for the first thing that is not understood.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let path = path.or_else(|| Some(Path::new(USUAL_FILE)).filter(|usual| usual.exists()));
    let Some(path) = path else {
        return parse(Path::new(USUAL_FILE), "", variables);
    };
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.into(),
        source,
    })?;
    parse(path, &text, variables)
}

/// Reads a configuration from its text; `path` is what errors call it.
fn parse(
    path: &Path,
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut config: Config = toml::from_str(text).map_err(|error| refused(path, text, &error))?;
    let mut variables: Vec<(String, String)> = variables.into_iter().collect();
    variables.sort();
    for (name, value) in variables {
        config = overridden(config, &name, &value)?;
    }
    with_secrets(config)
}

fn refused(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = &text[..error.span().map_or(0, |span| span.start).min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    ConfigError::Refused {
        path: path.into(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message: error.message().trim().replace('\n', "; "),
    }
}

/// `RINGFENCE_HTTP__LISTEN` sets `http.listen`, `RINGFENCE_DATA_FOLDER` sets `data_folder`.
fn overridden(config: Config, name: &str, value: &str) -> Result<Config, ConfigError> {
    let Some(words) = name.strip_prefix(PREFIX) else {
        return Ok(config);
    };
    let words = words.to_lowercase();
    let (table, key) = match words.split_once("__") {
        Some((table, key)) => (table, key),
        None if Config::TOP.keys.iter().any(|key| key.name == words) => ("", words.as_str()),
        // Not ours: variables without two underscores belong to tests and to the shell.
        None => return Ok(config),
    };
    known(name, table, key)?;
    let mut text_first = [Some(Value::String(value.into())), literal(value)]
        .into_iter()
        .flatten();
    let mut message = String::new();
    loop {
        let Some(candidate) = text_first.next() else {
            return Err(ConfigError::BadVariable {
                name: name.into(),
                message,
            });
        };
        match replaced(&config, table, key, candidate) {
            Ok(config) => return Ok(config),
            Err(error) => message = error.message().trim().replace('\n', "; "),
        }
    }
}

/// The value as TOML writes it, for what is no text: `5060`, `true`, `["192.0.2.0/28"]`.
fn literal(value: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("value = {value}"))
        .ok()?
        .remove("value")
}

fn known(name: &str, table: &str, key: &str) -> Result<(), ConfigError> {
    let names = |names: Vec<&str>| names.join(", ");
    let Some(section) = Config::SECTIONS
        .iter()
        .find(|section| section.name == table)
    else {
        let tables = names(
            Config::SECTIONS
                .iter()
                .map(|section| section.name)
                .filter(|name| !name.is_empty())
                .collect(),
        );
        let known = format!("expected {PREFIX}TABLE__KEY with one of the tables {tables}");
        return Err(ConfigError::UnknownVariable {
            name: name.into(),
            known,
        });
    };
    if section.keys.iter().any(|known| known.name == key) {
        return Ok(());
    }
    let keys = names(section.keys.iter().map(|key| key.name).collect());
    let known = format!("the keys of [{table}] are {keys}");
    Err(ConfigError::UnknownVariable {
        name: name.into(),
        known,
    })
}

fn replaced(
    config: &Config,
    table: &str,
    key: &str,
    value: Value,
) -> Result<Config, toml::de::Error> {
    let mut whole = Table::try_from(config).map_err(toml::de::Error::custom)?;
    let place = if table.is_empty() {
        Some(&mut whole)
    } else {
        whole
            .entry(table)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
    };
    if let Some(place) = place {
        place.insert(key.into(), value);
    }
    Config::deserialize(whole)
}

fn with_secrets(mut config: Config) -> Result<Config, ConfigError> {
    let database = &mut config.database;
    let file = database.url_file.as_deref();
    secret("database", "url", &mut database.url, file)?;
    let live = &mut config.live;
    secret("live", "url", &mut live.url, live.url_file.as_deref())?;
    let mail = &mut config.mail;
    let file = mail.password_file.as_deref();
    secret("mail", "password", &mut mail.password, file)?;
    Ok(config)
}

/// The URL or password of a table, from its file when one is named.
fn secret<T: FromStr<Err = String>>(
    table: &'static str,
    key: &'static str,
    value: &mut Option<T>,
    file: Option<&Path>,
) -> Result<(), ConfigError> {
    let Some(path) = file else { return Ok(()) };
    let refuse = |message: String| ConfigError::Secret {
        key: format!("{table}.{key}_file"),
        message,
    };
    if value.is_some() {
        return Err(refuse(format!(
            "{table}.{key} is given as well; leave one of them out"
        )));
    }
    let text = fs::read_to_string(path)
        .map_err(|error| refuse(format!("cannot read {}: {error}", path.display())))?;
    let read = text.trim().parse().map_err(|message: String| {
        refuse(format!(
            "{} holds no {table} {}: {message}",
            path.display(),
            if key == "url" { "URL" } else { key }
        ))
    })?;
    *value = Some(read);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        parse(Path::new("ringfence.toml"), text, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_at_all_gives_the_defaults() {
        let config = read("", &[]).expect("the defaults");
        assert_eq!(config, Config::default());
        assert_eq!(config.database_url(), "sqlite:ringfence-data/ringfence.db");
        assert_eq!(
            config.recordings_folder(),
            Path::new("ringfence-data/recordings")
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_known_ones() {
        let error = read("[http]\nlisten = \"127.0.0.1:80\"\n  lisen = 1\n", &[])
            .expect_err("a misspelt key");
        assert_eq!(
            error,
            "ringfence.toml:3:3: unknown field `lisen`, expected one of `listen`, `public_url`, `trusted_proxies`"
        );
        let error = read("data_floder = \"x\"\n", &[]).expect_err("a misspelt key");
        assert!(
            error.starts_with("ringfence.toml:1:1: unknown field `data_floder`"),
            "{error}"
        );
        let error = read("[htttp]\n", &[]).expect_err("a misspelt table");
        assert!(error.contains("`http`"), "{error}");
    }

    #[test]
    fn a_wrong_type_or_value_is_refused_with_its_place() {
        for (text, place, part) in [
            (
                "[sip]\nmax_calls = \"many\"\n",
                "2:13",
                "expected a nonzero u32",
            ),
            ("[sip]\nmax_calls = 0\n", "2:13", "nonzero"),
            ("[media]\nports = \"1-2\"\n", "2:9", "expected two ports"),
            ("[log]\nformat = \"xml\"\n", "2:10", "`text`"),
            ("[http\n", "1:6", ""),
        ] {
            let error = read(text, &[]).expect_err("a wrong value");
            assert!(
                error.starts_with(&format!("ringfence.toml:{place}: ")),
                "{error}"
            );
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn the_environment_goes_over_the_file() {
        let config = read(
            "[http]\nlisten = \"127.0.0.1:80\"\n[log]\nlevel = \"warn\"\n",
            &[
                ("RINGFENCE_HTTP__LISTEN", "127.0.0.1:81"),
                ("RINGFENCE_HTTP__TRUSTED_PROXIES", "[\"192.0.2.0/28\"]"),
                ("RINGFENCE_DATA_FOLDER", "elsewhere"),
                ("RINGFENCE_SIP__MAX_CALLS", "7"),
                ("RINGFENCE_RECORDING__ENABLED", "false"),
                ("RINGFENCE_LOG__FORMAT", "json"),
                ("RINGFENCE_DATABASE__URL", "sqlite:other.db"),
                ("RINGFENCE_TEST_THING", "not a key"),
            ],
        )
        .expect("good variables");
        assert_eq!(config.http.listen.port(), 81);
        assert_eq!(config.http.trusted_proxies.len(), 1);
        assert_eq!(config.data_folder, Path::new("elsewhere"));
        assert_eq!(config.sip.max_calls.get(), 7);
        assert!(!config.recording.enabled);
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.log.level.0, "warn");
        assert_eq!(config.database_url(), "sqlite:other.db");
    }

    #[test]
    fn a_variable_that_names_no_key_is_refused_with_the_known_ones() {
        let error = read("", &[("RINGFENCE_HTTP__LISEN", "x")]).expect_err("a misspelt variable");
        assert!(
            error.contains("the keys of [http] are listen, public_url, trusted_proxies"),
            "{error}"
        );
        let error = read("", &[("RINGFENCE_WEB__LISTEN", "x")]).expect_err("no such table");
        assert!(
            error.contains("database, live, http, tag, fence, sip"),
            "{error}"
        );
        let error = read("", &[("RINGFENCE_SIP__MAX_CALLS", "many")]).expect_err("no number");
        assert!(
            error.starts_with("RINGFENCE_SIP__MAX_CALLS in the environment: "),
            "{error}"
        );
    }

    #[test]
    fn a_secret_comes_from_its_file_and_only_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("url");
        fs::write(&file, "postgres://ann:hush@db.test/calls\n").expect("a file");
        let text = format!("[database]\nurl_file = {:?}\n", file.display().to_string());
        let config = read(&text, &[]).expect("a secret in a file");
        assert_eq!(config.database_url(), "postgres://ann:hush@db.test/calls");
        let error =
            read(&(text.clone() + "url = \"sqlite:x\"\n"), &[]).expect_err("a secret given twice");
        assert!(
            error.starts_with("database.url_file: database.url is given as well"),
            "{error}"
        );
        let shared = text.replace("[database]\nurl_file", "[live]\nurl_file");
        let error = read(&shared, &[]).expect_err("no Valkey");
        assert!(
            error.starts_with("live.url_file: ") && !error.contains("hush"),
            "{error}"
        );
        fs::write(&file, "redis://ann:hush@live.test/0\n").expect("a file");
        let config = read(&shared, &[]).expect("a secret in a file");
        assert!(!format!("{config:?}").contains("hush"));
        assert!(config.live.url.is_some());
        let mail = text.replace("[database]\nurl_file", "[mail]\npassword_file");
        let config = read(&mail, &[]).expect("a secret in a file");
        assert!(config.mail.password.is_some() && !format!("{config:?}").contains("hush"));
        let error = read("[database]\nurl_file = \"nowhere\"\n", &[]).expect_err("no such file");
        assert!(error.contains("cannot read nowhere"), "{error}");
    }
}
