//! A report as a mail: its first rows as text and as HTML, a link to its page, and all of it as a file.

use std::fmt::Write as _;

use askama::Template;
use ringfence_platform::report_mails::{MailWords, ReportOfMail};

use super::report_rows::{Row, file, file_name, lead, most_calls, view};
use super::split_words::{asked_in_words, property_name};
use super::words::count;

/// Rows that stand in the mail itself.
const SHOWN: usize = 20;

/// The widest column of the text, in letters.
const WIDEST: usize = 40;

#[derive(Template)]
#[template(path = "report_mail.html")]
struct ReportMailPage<'a> {
    subject: &'a str,
    name: &'a str,
    asks: &'a str,
    lead: &'a str,
    /// Each with whether it is above figures.
    heads: &'a [(&'static str, bool)],
    rows: &'a [Vec<String>],
    /// How many columns are words.
    words: usize,
    left: Option<&'a str>,
    page: &'a str,
    settings: &'a str,
    account: &'a str,
}

/// The words of a report's mail.
///
/// # Errors
/// When the page or the file cannot be written, with the reason.
pub fn report_mail(mail: &ReportOfMail<'_>) -> Result<MailWords, String> {
    let (question, report, account) = (&mail.question, &mail.report, mail.account);
    let split = (question.by, question.and);
    let words = 1 + usize::from(question.and.is_some());
    let mut heads = vec![(property_name(question.by), false)];
    heads.extend(question.and.map(|and| (property_name(and), false)));
    heads.extend(["Calls", "Answered", "Missed", "Converted", "Value"].map(|head| (head, true)));
    let most = most_calls(report);
    let shown = report.rows.iter().take(SHOWN);
    let rows: Vec<Vec<String>> = shown
        .map(|row| cells(view(row, split, most, account), words))
        .collect();
    let left = (report.rows.len() > SHOWN).then(|| {
        let all = count(report.rows.len() as u64);
        format!("The first {SHOWN} of {all} rows; the page has more.")
    });
    let asks = asked_in_words(&mail.saved.question);
    let lead = lead(report.all.calls, mail.days);
    let page = format!("{}/reports?{}", mail.public_url, question.query());
    let settings = format!("{}/reports/saved/{}#mail", mail.public_url, mail.saved.id);
    let subject = format!("{}: {}", mail.saved.name, lead.trim_end_matches('.'));
    let mut text = format!("{}\n{asks}. {lead}\n\n", mail.saved.name);
    text.push_str(&plain(&heads, &rows));
    if let Some(left) = &left {
        let _ = write!(text, "\n{left}\n");
    }
    let _ = write!(
        text,
        "\nOpen this report: {page}\n\n{} has this report sent to you. Change when and to whom: {settings}\n",
        account.name
    );
    let html = ReportMailPage {
        subject: &subject,
        name: &mail.saved.name,
        asks: &asks,
        lead: &lead,
        heads: &heads,
        rows: &rows,
        words,
        left: left.as_deref(),
        page: &page,
        settings: &settings,
        account: &account.name,
    };
    let html = html.render().map_err(|error| error.to_string())?;
    let octets = file(question, report, account).map_err(|error| error.to_string())?;
    Ok(MailWords {
        html,
        text,
        csv: (file_name(mail.days), octets.to_vec()),
        subject,
    })
}

fn cells(row: Row, words: usize) -> Vec<String> {
    let answered = row.answered.map(|share| format!("{share} %"));
    let mut cells = vec![row.one];
    if words > 1 {
        cells.push(row.other);
    }
    cells.extend([
        row.calls,
        answered.unwrap_or_else(|| "–".into()),
        row.missed,
        row.converted,
        row.value,
    ]);
    cells
}

/// A table for programs that show text in letters of one width.
fn plain(heads: &[(&'static str, bool)], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "No call fits these days and filters.\n".into();
    }
    let cut = |text: &str| -> String {
        if text.chars().count() <= WIDEST {
            return text.to_owned();
        }
        text.chars().take(WIDEST - 1).chain(['…']).collect()
    };
    let head: Vec<String> = heads.iter().map(|(head, _)| (*head).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(&head)
        .chain(rows)
        .map(|row| row.iter().map(|cell| cut(cell)).collect())
        .collect();
    let wide = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(wide).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for ((cell, width), (_, figures)) in line.iter().zip(&widths).zip(heads) {
            let _ = if *figures {
                write!(row, "{cell:>width$}  ")
            } else {
                write!(row, "{cell:<width$}  ")
            };
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_mail_stands_in_columns() {
        let heads = [("Source", false), ("Calls", true)];
        let row = |name: &str, calls: &str| vec![name.to_owned(), calls.to_owned()];
        let rows = [row("Google Ads", "1,204"), row("Été", "7")];
        assert_eq!(
            plain(&heads, &rows),
            "Source      Calls\nGoogle Ads  1,204\nÉté             7\n"
        );
        let long = plain(&heads, &[row(&"x".repeat(99), "1")]);
        assert!(long.contains(&format!("{}…  ", "x".repeat(39))), "{long}");
        assert!(plain(&heads, &[]).contains("No call fits"));
    }
}
