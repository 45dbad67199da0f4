//! Where a record ends, found without parsing it.
//!
//! The usual record holds neither comments, CDATA sections nor processing instructions, so one search for
//! `PubmedArticle` and two for `<!` and `<?` settle it. A record that holds some is walked tag by tag.

use memchr::memmem::{self, Finder};
use memchr::{memchr, memchr_iter};

use super::prolog::{LEAD_BYTES, Lead, opens_tag, tag_length};

/// What the search found, in bytes from the record's `<`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordEnd {
    /// The record ends here, end tag included.
    Closed(usize),
    /// Another record, or the end of the set, starts here; the end tag is missing.
    Unclosed(usize),
    /// More bytes are needed.
    Unknown,
}

/// A construct in which tags are only text.
#[derive(Clone, Copy)]
struct Construct {
    lead: usize,
    terminator: &'static [u8],
    /// Slot in [`BoundarySearch::no_terminator_before`].
    slot: usize,
}

impl Construct {
    fn at(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'<', b'!', b'-', b'-', ..] => Some(Self { lead: 4, terminator: b"-->", slot: 0 }),
            [b'<', b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..] => {
                Some(Self { lead: 9, terminator: b"]]>", slot: 1 })
            }
            [b'<', b'?', ..] => Some(Self { lead: 2, terminator: b"?>", slot: 2 }),
            _ => None,
        }
    }
}

/// Remembers how far the record at hand has been searched, so that growing the window costs no second search.
pub(super) struct BoundarySearch {
    name: Finder<'static>,
    declaration: Finder<'static>,
    instruction: Finder<'static>,
    /// Bytes of the current record already searched.
    searched: usize,
    /// The current record is walked tag by tag.
    walking: bool,
    /// Stream offsets before which an already opened construct was found to have no terminator. Damaged files with
    /// many unterminated comments stay linear through this.
    no_terminator_before: [u64; 3],
}

impl BoundarySearch {
    pub(super) fn new() -> Self {
        Self {
            name: Finder::new("PubmedArticle"),
            declaration: Finder::new("<!"),
            instruction: Finder::new("<?"),
            searched: 0,
            walking: false,
            no_terminator_before: [0; 3],
        }
    }

    /// Forgets the current record.
    pub(super) fn restart(&mut self) {
        self.searched = 0;
        self.walking = false;
    }

    /// Searches the end of the record that `bytes` start with. `offset` is the stream offset of `bytes`; `is_final`
    /// says that no more bytes will come, so that an unterminated comment no longer hides what follows it.
    pub(super) fn find(&mut self, lead: Lead, bytes: &[u8], offset: u64, is_final: bool) -> RecordEnd {
        if self.searched == 0 {
            match tag_length(bytes) {
                None => return RecordEnd::Unknown,
                Some((length, true)) => return RecordEnd::Closed(length),
                Some((length, false)) => self.searched = length,
            }
            self.walking = lead != Lead::Article;
        }
        if !self.walking {
            match self.jump(bytes) {
                Some(end) => return end,
                None => {
                    self.walking = true;
                    self.searched = tag_length(bytes).map_or(0, |(length, _)| length);
                }
            }
        }
        self.walk(lead, bytes, offset, is_final)
    }

    /// The fast path; none where the record must be walked.
    fn jump(&mut self, bytes: &[u8]) -> Option<RecordEnd> {
        loop {
            let rest = bytes.get(self.searched..)?;
            let Some(found) = self.name.find(rest) else {
                self.searched = self.searched.max(bytes.len().saturating_sub(LEAD_BYTES));
                return Some(RecordEnd::Unknown);
            };
            let hit = self.searched + found;
            if bytes.get(..hit)?.ends_with(b"</") {
                let tag = bytes.get(hit - 2..)?;
                if tag.len() < LEAD_BYTES && memchr(b'>', tag).is_none() {
                    return Some(RecordEnd::Unknown);
                }
                let (length, _) = tag_length(tag).filter(|_| opens_tag(tag, Lead::Article.end_tag()))?;
                let record = bytes.get(..hit)?;
                let is_plain = self.declaration.find(record).is_none() && self.instruction.find(record).is_none();
                return is_plain.then_some(RecordEnd::Closed(hit - 2 + length));
            }
            if bytes.get(..hit)?.ends_with(b"<") {
                return None;
            }
            self.searched = hit + 1;
        }
    }

    fn walk(&mut self, lead: Lead, bytes: &[u8], offset: u64, is_final: bool) -> RecordEnd {
        loop {
            let rest = bytes.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr(b'<', rest) else {
                self.searched = bytes.len();
                return RecordEnd::Unknown;
            };
            let at = self.searched + found;
            let tag = bytes.get(at..).unwrap_or_default();
            self.searched = at;
            if tag.len() < LEAD_BYTES && !is_final && memchr(b'>', tag).is_none() {
                return RecordEnd::Unknown;
            }
            if let Some(construct) = Construct::at(tag) {
                match self.construct_end(construct, bytes, at, offset) {
                    Some(end) => self.searched = end,
                    None if is_final => self.searched = at + construct.lead,
                    None => return RecordEnd::Unknown,
                }
            } else if opens_tag(tag, lead.end_tag()) {
                return tag_length(tag).map_or(RecordEnd::Unknown, |(length, _)| RecordEnd::Closed(at + length));
            } else if Lead::of(tag).is_boundary() {
                return RecordEnd::Unclosed(at);
            } else {
                self.searched = at + 1;
            }
        }
    }

    fn construct_end(&mut self, construct: Construct, bytes: &[u8], at: usize, offset: u64) -> Option<usize> {
        let known = self.no_terminator_before.get(construct.slot).copied().unwrap_or(0);
        let from = (at + construct.lead).max(usize::try_from(known.saturating_sub(offset)).unwrap_or(usize::MAX));
        let found = memmem::find(bytes.get(from..).unwrap_or_default(), construct.terminator);
        if found.is_none()
            && let Some(slot) = self.no_terminator_before.get_mut(construct.slot)
        {
            let kept = construct.terminator.len() - 1;
            *slot = known.max(offset + (bytes.len().saturating_sub(kept)).max(at + construct.lead) as u64);
        }
        found.map(|found| from + found + construct.terminator.len())
    }
}

/// Where reading can start again at or after `from`: at a record, a deletion, the end of the set, or right after a
/// stray end tag of a record.
pub(super) fn next_boundary(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr_iter(b'<', rest).find_map(|found| {
        let tag = rest.get(found..)?;
        if Lead::of(tag).is_boundary() {
            return Some(from + found);
        }
        let ends_record = [Lead::Article, Lead::Book, Lead::Delete].iter().any(|lead| opens_tag(tag, lead.end_tag()));
        let (length, _) = tag_length(tag).filter(|_| ends_record)?;
        Some(from + found + length)
    })
}
