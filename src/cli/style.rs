//! Tables, and colour and progress for terminals only.

use std::borrow::Cow;
use std::env;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

/// Colours text, if the output is a terminal.
#[derive(Debug)]
pub struct Paint {
    on: bool,
}

/// For standard output.
pub fn for_stdout() -> Paint {
    Paint { on: stdout().is_terminal() && wanted() }
}

/// For standard error.
pub fn for_stderr() -> Paint {
    Paint { on: stderr().is_terminal() && wanted() }
}

fn wanted() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && understands_commands()
}

fn understands_commands() -> bool {
    env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Paint {
    pub fn red(&self, text: &str) -> String {
        self.with("31", text)
    }

    pub fn green(&self, text: &str) -> String {
        self.with("32", text)
    }

    pub fn yellow(&self, text: &str) -> String {
        self.with("33", text)
    }

    pub fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    pub fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A number of things whose plural has an s: `1 line`, `2 lines`.
pub fn count(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// Escapes control and bidirectional characters. All foreign text is printed through this: file names, contents of
/// files, messages of servers.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_command(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Escapes JSON text in the same way. It stays valid JSON with the same value.
pub fn plain_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_command(c) {
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Formats a table with columns as wide as their cells. `cell` colours the cell of a row and column.
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
    paint: &Paint,
    cell: impl Fn(usize, usize, &str) -> String,
) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| plain(cell).into_owned())).collect();
    let headings = headings.map(plain);
    let width_of = |(column, heading): (usize, &Cow<'_, str>)| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default().max(heading.chars().count())
    };
    let widths: Vec<usize> = headings.iter().enumerate().map(width_of).collect();
    let line = |cells: &[String; N], paint: &dyn Fn(usize, &str) -> String| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            // The padding is outside the coloured text, so that the end of a line can be trimmed.
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            format!("{}{gap}", paint(column, cell))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![paint.bold(&line(&headings.clone().map(Cow::into_owned), &|_, heading| heading.to_owned()))];
    lines.extend(rows.iter().enumerate().map(|(n, row)| line(row, &|column, text| cell(n, column, text))));
    lines.join("\n")
}

/// A progress line on standard error, for terminals only.
#[derive(Debug)]
pub struct Progress {
    on: bool,
    total: Option<u64>,
    /// The name of the counted things, if they are not bytes.
    things: Option<&'static str>,
    /// The phase after all bytes are sent.
    then: &'static str,
    started: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Counts bytes, up to `total` if it is known.
    pub fn new(on: bool, total: Option<u64>) -> Progress {
        let on = on && stderr().is_terminal() && understands_commands();
        Progress { on, total, things: None, then: "waiting for the answer", started: Instant::now(), shown: None }
    }

    /// Counts things. The line appears after one second.
    pub fn of(things: &'static str, total: Option<u64>) -> Progress {
        let mut progress = Progress { things: Some(things), ..Progress::new(true, total) };
        progress.then = "finishing";
        progress
    }

    /// Counts bytes that are read and not sent.
    pub fn reads(mut self) -> Progress {
        self.then = "putting it in order";
        self
    }

    /// Whether progress is shown.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Updates the line, if it is due.
    pub fn show(&mut self, n_bytes: u64, n_lines: Option<u64>) {
        let is_early = self.shown.is_some_and(|shown| shown.elapsed() < Duration::from_millis(100));
        // Work of less than a second needs no progress line.
        let is_short = self.things.is_some() && self.started.elapsed() < Duration::from_secs(1);
        if !self.on || is_short || is_early && self.total != Some(n_bytes) {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = n_bytes as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let amount = |n: u64| if self.things.is_some() { n.to_string() } else { bytes(n as f64) };
        let mut parts = vec![match self.total {
            Some(total) => {
                let percent = n_bytes as f64 * 100.0 / (total.max(1) as f64);
                format!("{} of {}{}  {percent:.0}%", amount(n_bytes), amount(total), self.named())
            }
            None => format!("{}{}", amount(n_bytes), self.named()),
        }];
        if self.things.is_none() {
            parts.push(format!("{}/s", bytes(rate)));
        }
        parts.extend(n_lines.map(|n| format!("line {n}")));
        match self.total.map(|total| total.saturating_sub(n_bytes)) {
            Some(0) => parts.push(self.then.to_owned()),
            Some(left) => parts.push(format!("{:.0} s left", (left as f64 / rate.max(1.0)).ceil())),
            None => {}
        }
        // A closed standard error leaves no place to report to.
        let _ = write!(stderr(), "\r{}\u{1b}[K", parts.join("  "));
    }

    fn named(&self) -> String {
        self.things.map(|things| format!(" {things}")).unwrap_or_default()
    }

    /// Removes the line.
    pub fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}

/// Formats a number of bytes in a suitable unit.
pub fn bytes(n: f64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.into_iter().find(|(unit, _)| *unit <= n) {
        Some((unit, name)) => format!("{:.1} {name}", n / unit),
        None => format!("{n:.0} bytes"),
    }
}
