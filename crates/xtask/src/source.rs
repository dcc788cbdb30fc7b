//! Rust source as the house rules read it: comments and literals blanked out, test modules known, functions measured.

/// One Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// The text with the content of comments, strings and character literals replaced by blanks; lines stay lines.
    code: Vec<char>,
    // One entry per line: whether it stands in a test module.
    in_tests: Vec<bool>,
}

/// A function and its extent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The line of `fn`, from 1.
    pub(crate) line: usize,
    /// From the line of `fn` to that of the closing brace.
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn parse(text: &str) -> Self {
        let code = blank(text);
        let mut source = Self { in_tests: vec![false; text.lines().count() + 1], code };
        source.find_tests();
        source
    }

    /// Lines outside of test modules.
    pub(crate) fn lines_without_tests(&self) -> usize {
        let total = self.line_at(self.code.len());
        (1..=total).filter(|line| !self.is_test(*line)).count()
    }

    /// The lines of code outside of test modules, with their numbers from 1.
    pub(crate) fn lines(&self) -> Vec<(usize, String)> {
        let text: String = self.code.iter().collect();
        let numbered = text.lines().enumerate().map(|(n, line)| (n + 1, line.to_owned()));
        numbered.filter(|(n, _)| !self.is_test(*n)).collect()
    }

    /// The functions with a body outside of test modules.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for at in self.words("fn") {
            let line = self.line_at(at);
            let name: String =
                self.code[at + 2..].iter().skip_while(|c| c.is_whitespace()).take_while(|c| word(**c)).collect();
            // `fn(...)` without a name is a type.
            if name.is_empty() || self.is_test(line) {
                continue;
            }
            if let Some(open) = self.body(at) {
                let end = self.line_at(self.closing(open));
                found.push(Function { name, line, lines: end - line + 1 });
            }
        }
        found
    }

    fn is_test(&self, line: usize) -> bool {
        self.in_tests.get(line - 1).copied().unwrap_or(false)
    }

    fn find_tests(&mut self) {
        let marker: Vec<char> = "#[cfg(test)]".chars().collect();
        let mut at = 0;
        while let Some(found) = self.code[at..].windows(marker.len()).position(|w| w == marker) {
            let start = at + found;
            at = start + marker.len();
            let end = self.body(at).map_or(at, |open| self.closing(open));
            for line in self.line_at(start)..=self.line_at(end) {
                self.in_tests[line - 1] = true;
            }
            at = at.max(end);
        }
    }

    /// Where a word stands on its own.
    fn words(&self, wanted: &str) -> Vec<usize> {
        let wanted: Vec<char> = wanted.chars().collect();
        let free = |at: usize| self.code.get(at).is_none_or(|c| !word(*c));
        let matches = self.code.windows(wanted.len()).enumerate().filter(|(_, w)| *w == wanted.as_slice());
        matches.map(|(at, _)| at).filter(|at| free(at.wrapping_sub(1)) && free(at + wanted.len())).collect()
    }

    /// The opening brace of the item that starts here; `None` when a semicolon ends it first.
    fn body(&self, from: usize) -> Option<usize> {
        let mut depth = 0_i32;
        for (at, c) in self.code.iter().enumerate().skip(from) {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                '{' if depth == 0 => return Some(at),
                ';' if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, c) in self.code.iter().enumerate().skip(open) {
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => return at,
                '}' => depth -= 1,
                _ => {}
            }
        }
        self.code.len()
    }

    fn line_at(&self, at: usize) -> usize {
        let before = &self.code[..at.min(self.code.len())];
        let breaks = before.iter().filter(|c| **c == '\n').count();
        // A last line break ends a line and starts none.
        if at >= self.code.len() && self.code.last() == Some(&'\n') { breaks.max(1) } else { breaks + 1 }
    }
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Replaces what is not code by blanks.
fn blank(text: &str) -> Vec<char> {
    let mut code: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < code.len() {
        let end = match (code[at], code.get(at + 1)) {
            ('/', Some('/')) => at + code[at..].iter().position(|c| *c == '\n').unwrap_or(code.len() - at),
            ('/', Some('*')) => block_comment_end(&code, at),
            ('"', _) => string_end(&code, at + 1),
            ('r' | 'b' | 'c', _) if at == 0 || !word(code[at - 1]) => match literal_end(&code, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            ('\'', _) => match char_end(&code, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        let end = end.min(code.len());
        for c in &mut code[at..end] {
            if *c != '\n' {
                *c = ' ';
            }
        }
        at = end;
    }
    code
}

fn block_comment_end(code: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at + 1 < code.len() {
        match (code[at], code[at + 1]) {
            ('/', '*') => {
                depth += 1;
                at += 2;
            }
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => {
                depth -= 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    code.len()
}

fn string_end(code: &[char], mut at: usize) -> usize {
    while at < code.len() {
        match code[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    code.len()
}

/// The end of a prefixed string: `b"`, `c"`, `r"`, `r#"`, `br#"` and their kin. `None` when it is none.
fn literal_end(code: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    let mut raw = false;
    while let Some(c @ ('r' | 'b' | 'c')) = code.get(at) {
        raw |= *c == 'r';
        at += 1;
    }
    if at - start > 2 {
        return None;
    }
    let hashes = code[at..].iter().take_while(|c| **c == '#').count();
    if code.get(at + hashes) != Some(&'"') || (hashes > 0 && !raw) {
        return None;
    }
    let content = at + hashes + 1;
    if !raw {
        return Some(string_end(code, content));
    }
    let closes = |at: usize| code[at] == '"' && code[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    Some((content..code.len()).find(|at| closes(*at)).map_or(code.len(), |at| at + 1 + hashes))
}

/// The end of a character literal; `None` for a lifetime.
fn char_end(code: &[char], start: usize) -> Option<usize> {
    match (code.get(start + 1)?, code.get(start + 2)) {
        ('\\', _) => (start + 3..code.len()).find(|at| code[*at] == '\'').map(|at| at + 1),
        (_, Some('\'')) => Some(start + 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_text_and_comments_are_not_counted() {
        let text = "fn a<'x>(b: &'x str) -> char {\n  // }\n  let s = \"}\\\"}\"; /* } /* } */ } */\n  let r = r#\"}\"#;\n  '}'\n}\nfn c();\n";
        let functions = Source::parse(text).functions();
        assert_eq!(functions, [Function { name: "a".to_owned(), line: 1, lines: 6 }]);
    }

    #[test]
    fn test_modules_do_not_count() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n";
        let source = Source::parse(text);
        assert_eq!(source.lines_without_tests(), 2);
        assert_eq!(source.functions().len(), 1);
    }
}
