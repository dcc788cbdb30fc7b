//! What goes to standard output: [`Output`], for people or for programs.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use serde_json::Value;

use crate::exit::Failure;
use crate::table::Table;

/// Standard output.
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    colours: bool,
}

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Bold,
    Dim,
    Name,
    Good,
    Bad,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let out = io::stdout();
        let colours = !json && out.is_terminal() && colours_allowed();
        Self { out: BufWriter::new(out.lock()), json, colours }
    }

    /// Whether programs read.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// A text in a style, if there are styles.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if !self.colours || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Name => "36",
            Style::Good => "32",
            Style::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// One line, at once.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    /// One JSON object on one line, at once.
    pub(crate) fn object(&mut self, value: &Value) -> Result<(), Failure> {
        self.line(&value.to_string())
    }

    /// One thing: an object for programs, a line for people.
    pub(crate) fn either(
        &mut self,
        value: impl FnOnce() -> Value,
        line: impl FnOnce(&Self) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            return self.object(&value());
        }
        let line = line(self);
        self.line(&line)
    }

    /// A JSON value over several lines, for people.
    pub(crate) fn pretty(&mut self, value: &Value) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
        self.line(&text)
    }

    /// A table; its head is left out for the pages after the first.
    pub(crate) fn table(&mut self, table: &Table, head: bool) -> Result<(), Failure> {
        let lines = table.lines();
        for (n, line) in lines.iter().enumerate() {
            match n {
                0 if head => writeln!(self.out, "{}", self.paint(Style::Bold, line))?,
                0 => {}
                _ => writeln!(self.out, "{line}")?,
            }
        }
        Ok(self.out.flush()?)
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes)?;
        Ok(self.out.flush()?)
    }
}

/// Whether the environment allows colours (<https://no-color.org>).
pub(crate) fn colours_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Text from outside with its control characters made visible, so that it cannot steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("größe"), "größe");
    }
}
