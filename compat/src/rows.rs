//! Reads the files in `rows/`: one chapter each, with sites and their rows.
//!
//! A file begins with `# Title`. `@site NAME` begins a configuration; its lines follow as in vsftpd.conf.
//! `@login user|other|split|anonymous|nobody` says who logs in before each row, `@tree` begins the tree of files, and
//! `@row NAME` a dialogue in the language of room `shadow`; `@stranger NAME` is a row without the login. In a row,
//! `@compare log xferlog syslog tree` adds what is compared besides the dialogue, and `@better FILE: WORDS` names the row
//! of a document that explains a difference, whose exact lines follow.

use std::collections::BTreeSet;
use std::path::Path;

use crate::tree::Tree;

/// One file of rows.
#[derive(Debug)]
pub(crate) struct Chapter {
    pub(crate) title: String,
    pub(crate) sites: Vec<Site>,
}

/// One configuration, served by both servers.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    /// Lines as in vsftpd.conf.
    pub(crate) options: Vec<String>,
    pub(crate) login: Login,
    pub(crate) tree: Tree,
    pub(crate) rows: Vec<Row>,
}

/// Who logs in before a row's own lines are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    User,
    Other,
    Split,
    Anonymous,
    Nobody,
}

impl Login {
    /// Returns the lines of the login.
    pub(crate) fn lines(self) -> &'static str {
        match self {
            Self::User => "USER ${USER}\nPASS ${PASS}\n",
            Self::Other => "USER ${OTHER}\nPASS ${OTHERPASS}\n",
            Self::Split => "USER ${SPLIT}\nPASS ${SPLITPASS}\n",
            Self::Anonymous => "USER anonymous\nPASS ${EMAIL}\n",
            Self::Nobody => "",
        }
    }
}

/// One dialogue, and what is compared.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) logs_in: bool,
    pub(crate) dialogue: Vec<u8>,
    pub(crate) compare: BTreeSet<Also>,
    pub(crate) better: Vec<Reference>,
    /// The exact lines in which the servers are expected to differ.
    pub(crate) expected: Vec<String>,
}

/// What is compared besides the dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Also {
    Log,
    Xferlog,
    Syslog,
    Tree,
}

/// Where a difference is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// A file beneath `docs/`.
    pub(crate) file: String,
    /// Words that stand there.
    pub(crate) words: String,
}

impl Chapter {
    /// Reads every chapter of a directory, in the order of their file names.
    ///
    /// # Errors
    /// Names the file and line that cannot be understood.
    pub(crate) fn all(directory: &Path) -> Result<Vec<Self>, String> {
        let told = |error: std::io::Error| format!("{}: {error}", directory.display());
        let entries = std::fs::read_dir(directory).map_err(told)?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(told)?.path());
        }
        paths.sort();
        let read = |path: &Path| {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Self::read(&text).map_err(|(line, text)| format!("{}:{line}: {text}", path.display()))
        };
        paths.iter().map(|path| read(path)).collect()
    }

    /// Reads one chapter; a mistake is told with its line.
    pub(crate) fn read(text: &str) -> Result<Self, (usize, String)> {
        let mut reader =
            Reader { chapter: Self { title: String::new(), sites: Vec::new() }, block: Block::Site };
        for (index, line) in text.lines().enumerate() {
            reader.line(line).map_err(|text| (index + 1, text))?;
        }
        let chapter = reader.chapter;
        if chapter.title.is_empty() || chapter.sites.iter().any(|site| site.rows.is_empty()) {
            return Err((1, "a chapter has a title, and each of its sites has rows".into()));
        }
        let mut names = BTreeSet::new();
        for row in chapter.sites.iter().flat_map(|site| &site.rows) {
            if !names.insert(&row.name) {
                return Err((1, format!("two rows are called {}", row.name)));
            }
        }
        Ok(chapter)
    }
}

enum Block {
    Site,
    Tree,
    Dialogue,
    Expected,
}

struct Reader {
    chapter: Chapter,
    block: Block,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(words) = line.strip_prefix('@') {
            let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
            return self.directive(word, rest);
        }
        if line.is_empty() {
            return Ok(());
        }
        if line.starts_with('#') {
            if self.chapter.title.is_empty() {
                self.chapter.title = line.trim_start_matches('#').trim().to_owned();
            }
            return Ok(());
        }
        match self.block {
            Block::Site => self.site()?.options.push(line.to_owned()),
            Block::Tree => self.site()?.tree.add(line)?,
            Block::Dialogue => {
                let dialogue = &mut self.row()?.dialogue;
                dialogue.extend_from_slice(line.as_bytes());
                dialogue.push(b'\n');
            }
            Block::Expected if line.starts_with(['-', '+']) => self.row()?.expected.push(line.to_owned()),
            Block::Expected => return Err("expected lines begin with - or +".into()),
        }
        Ok(())
    }

    fn directive(&mut self, word: &str, rest: &str) -> Result<(), String> {
        match word {
            "site" => {
                self.block = Block::Site;
                self.chapter.sites.push(Site {
                    name: rest.to_owned(),
                    options: Vec::new(),
                    login: Login::User,
                    tree: Tree::default(),
                    rows: Vec::new(),
                });
            }
            "login" => {
                self.site()?.login = match rest {
                    "user" => Login::User,
                    "other" => Login::Other,
                    "split" => Login::Split,
                    "anonymous" => Login::Anonymous,
                    "nobody" => Login::Nobody,
                    _ => return Err(format!("@login {rest}: user, other, split, anonymous or nobody")),
                };
            }
            "tree" => self.block = Block::Tree,
            "row" | "stranger" => {
                self.block = Block::Dialogue;
                let row = Row {
                    name: rest.to_owned(),
                    logs_in: word == "row",
                    dialogue: Vec::new(),
                    compare: BTreeSet::new(),
                    better: Vec::new(),
                    expected: Vec::new(),
                };
                self.site()?.rows.push(row);
            }
            "compare" => {
                for word in rest.split_whitespace() {
                    let also = match word {
                        "log" => Also::Log,
                        "xferlog" => Also::Xferlog,
                        "syslog" => Also::Syslog,
                        "tree" => Also::Tree,
                        _ => return Err(format!("@compare {word}: log, xferlog, syslog or tree")),
                    };
                    self.row()?.compare.insert(also);
                }
            }
            "better" => {
                let (file, words) = rest.split_once(": ").ok_or("@better FILE: WORDS THAT STAND THERE")?;
                self.block = Block::Expected;
                self.row()?.better.push(Reference { file: file.to_owned(), words: words.to_owned() });
            }
            _ => return Err(format!("@{word} is not known")),
        }
        Ok(())
    }

    fn site(&mut self) -> Result<&mut Site, String> {
        self.chapter.sites.last_mut().ok_or_else(|| "a @site must come first".into())
    }

    fn row(&mut self) -> Result<&mut Row, String> {
        self.site()?.rows.last_mut().ok_or_else(|| "a @row must come first".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Title\n@site one\na=b\n@login anonymous\n@tree\nd pub/x 755 anon\n@row first\nNOOP\n\
        @compare log tree\n@better compatibility.md: some words\n-a\n+b\n@stranger second\nSYST\n";

    #[test]
    fn a_chapter_is_read_whole() {
        let chapter = Chapter::read(TEXT).unwrap();
        let site = &chapter.sites[0];
        assert_eq!((chapter.title.as_str(), site.name.as_str()), ("Title", "one"));
        assert_eq!((site.options.as_slice(), site.login), (&["a=b".to_owned()][..], Login::Anonymous));
        let row = &site.rows[0];
        assert_eq!(row.dialogue, b"NOOP\n");
        assert_eq!(row.compare, BTreeSet::from([Also::Log, Also::Tree]));
        assert_eq!(row.expected, ["-a", "+b"]);
        assert!(row.logs_in && !site.rows[1].logs_in);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        assert_eq!(Chapter::read("# T\n@site a\n@fly\n").unwrap_err().0, 3);
        assert_eq!(Chapter::read("# T\n@row a\n").unwrap_err().0, 2);
        assert!(Chapter::read("# T\n@site a\n@row a\nx\n@row a\n").unwrap_err().1.contains("two rows"));
        assert!(Chapter::read("# T\n@site a\n").is_err());
    }

    #[test]
    fn the_chapters_in_the_repository_can_be_read() {
        let chapters = Chapter::all(&crate::options::here().join("rows")).unwrap();
        assert!(!chapters.is_empty());
        let titles: BTreeSet<&str> = chapters.iter().map(|chapter| chapter.title.as_str()).collect();
        assert_eq!(titles.len(), chapters.len(), "two chapters have one title");
    }
}
