//! Paragraphs into sections: lines under one path, captions after the paragraph that holds them.

use rexdrug_pubmed::xml::finish;

use crate::article::Section;
use crate::kind::SectionKind;

/// The headings above a place.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) text: String,
    pub(crate) kind: SectionKind,
}

impl Path {
    pub(crate) fn new(text: &str, kind: SectionKind) -> Self {
        Self { text: text.to_owned(), kind }
    }

    /// The path below `heading`; `sec_type` counts where the heading says nothing.
    pub(crate) fn join(&self, heading: &str, sec_type: SectionKind) -> Self {
        let heading = heading.trim_end_matches([':', '.', ' ']);
        let text = match (self.text.is_empty(), heading.is_empty()) {
            (_, true) => self.text.clone(),
            (true, false) => heading.to_owned(),
            (false, false) => format!("{} > {heading}", self.text),
        };
        let own = [self.kind, SectionKind::of_heading(heading), sec_type];
        let kind = own.into_iter().find(|kind| *kind != SectionKind::Unassigned).unwrap_or(SectionKind::Unassigned);
        Self { text, kind }
    }

    /// The path of a caption.
    pub(crate) fn caption(&self, label: &str, kind: SectionKind) -> Self {
        Self { kind, ..self.join(label, kind) }
    }
}

/// Text under construction.
#[derive(Debug, Default)]
pub(crate) struct Prose {
    /// The open paragraph.
    pub(crate) para: String,
    /// Paragraphs closed so far; tells whether a place in `para` is still the same place.
    pub(crate) closed: usize,
    /// Where in `para` a mark was dropped last.
    pub(crate) dropped_at: Option<usize>,
    pub(crate) sections: Vec<Section>,
    /// Captions met inside the open paragraph.
    deferred: Vec<Section>,
}

/// What [`Prose::begin_float`] sets aside.
pub(crate) struct Aside {
    para: String,
    dropped_at: Option<usize>,
    sections: Vec<Section>,
    deferred: Vec<Section>,
}

impl Prose {
    /// Closes the open paragraph as a line of the section under `path`.
    pub(crate) fn close(&mut self, path: &Path) {
        self.closed += 1;
        self.dropped_at = None;
        finish(&mut self.para);
        if !self.para.is_empty() {
            match self.sections.last_mut() {
                Some(last) if last.path == path.text && last.kind == path.kind => {
                    last.text.push('\n');
                    last.text.push_str(&self.para);
                }
                _ => self.sections.push(Section { path: path.text.clone(), kind: path.kind, text: self.para.clone() }),
            }
            self.para.clear();
        }
        self.sections.append(&mut self.deferred);
    }

    /// Sets the open paragraph aside for something that floats in it.
    pub(crate) fn begin_float(&mut self) -> Aside {
        Aside {
            para: std::mem::take(&mut self.para),
            dropped_at: self.dropped_at.take(),
            sections: std::mem::take(&mut self.sections),
            deferred: std::mem::take(&mut self.deferred),
        }
    }

    /// Goes on with the paragraph set aside; what floated comes after it.
    pub(crate) fn end_float(&mut self, aside: Aside) {
        let floated = std::mem::replace(&mut self.sections, aside.sections);
        self.para = aside.para;
        self.dropped_at = aside.dropped_at;
        self.deferred = aside.deferred;
        if self.para.is_empty() {
            self.sections.extend(floated);
        } else {
            self.deferred.extend(floated);
        }
    }

    /// Takes away what was appended to the open paragraph after `from`.
    pub(crate) fn drop_from(&mut self, from: usize) {
        self.para.truncate(from);
        self.dropped_at = Some(from);
    }
}
