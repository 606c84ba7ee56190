//! The reference page of the configuration, in Markdown.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::{Config, Key, Section};

/// Every key with its type, its default and what it does.
pub fn reference() -> String {
    let defaults = Table::try_from(Config::default()).expect("the defaults are plain TOML");
    let mut page = String::from(INTRODUCTION);
    for section in Config::SECTIONS {
        let values = if section.name.is_empty() {
            Some(&defaults)
        } else {
            defaults.get(section.name).and_then(Value::as_table)
        };
        table(&mut page, section, values);
    }
    page
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Made by `ringfence config reference` from crates/ringfence/src/config.rs; change it there. -->

`ringfence serve` reads `ringfence.toml` of the folder that it is started in, or the file that `--config` names. Every
key has a default that works on one machine. An unknown key or a wrong value is refused with its line; `ringfence
config check` only reads, and `ringfence doctor` also tries what the configuration names.

The environment goes over the file: `RINGFENCE_HTTP__LISTEN` sets `listen` of `[http]` (two underscores between
table and key), `RINGFENCE_DATA_FOLDER` sets `data_folder`. Lists are written as in TOML: `[\"192.0.2.0/28\"]`.
";

fn table(page: &mut String, section: &Section, defaults: Option<&Table>) {
    let title = if section.name.is_empty() {
        "At the top".into()
    } else {
        format!("`[{}]`", section.name)
    };
    let _ = write!(page, "\n## {title}\n\n");
    if !section.about.is_empty() {
        let _ = write!(page, "{}\n\n", joined(section.about));
    }
    page.push_str("| key | type | default | what it is |\n| --- | --- | --- | --- |\n");
    for key in section.keys {
        let default = defaults
            .and_then(|values| values.get(key.name))
            .map_or_else(|| "none".into(), |value| format!("`{value}`"));
        let _ = writeln!(
            page,
            "| `{}` | {} | {default} | {} |",
            key.name,
            kind(key),
            joined(key.about)
        );
    }
}

fn joined(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

/// The Rust type in an operator's words.
fn kind(key: &Key) -> &'static str {
    let inner = key.kind.trim_start_matches("Option<").trim_end_matches('>');
    match inner {
        "SocketAddr" => "address and port",
        "IpAddr" => "IP address",
        "PathBuf" => "path",
        "bool" => "true or false",
        "u32" => "whole number, 0 or more",
        "NonZeroU32" => "whole number, 1 or more",
        "Vec<Network" => "list of addresses or networks",
        "PublicUrl" | "DatabaseUrl" | "LiveUrl" => "URL",
        "NonZeroU16" => "port",
        "PortRange" => "two ports",
        "String" | "MailPassword" => "text of one line",
        "ServerName" => "name",
        "SessionInterval" => "seconds",
        "KeepFor" => "days, or `forever`",
        "LogFormat" | "Level" | "MailTlsWord" => "word",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_explained_and_exists() {
        let page = reference();
        let defaults = Table::try_from(Config::default()).expect("plain TOML");
        for section in Config::SECTIONS {
            assert!(
                section.name.is_empty() || defaults.contains_key(section.name),
                "{}",
                section.name
            );
            for key in section.keys {
                assert!(
                    !key.about.is_empty(),
                    "{}.{} has no words",
                    section.name,
                    key.name
                );
                assert_ne!(
                    kind(key),
                    "text",
                    "{}.{} has no type in words",
                    section.name,
                    key.name
                );
                assert!(page.contains(&format!("| `{}` |", key.name)));
            }
        }
        // A table that is new in the struct must be in the list as well.
        for (name, value) in &defaults {
            assert!(
                !value.is_table() || Config::SECTIONS.iter().any(|section| section.name == name),
                "{name}"
            );
        }
    }
}
