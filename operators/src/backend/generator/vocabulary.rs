//! The bytes of every token, and a trie over them.

use std::collections::HashMap;

use tokenizers::Tokenizer;

/// The bytes that tokens stand for. Special tokens stand for none.
#[derive(Debug)]
pub(super) struct Vocabulary {
    bytes: Vec<Option<Vec<u8>>>,
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    children: Vec<(u8, u32)>,
    tokens: Vec<u32>,
}

impl Vocabulary {
    /// Reads a byte-level vocabulary, the kind that Llama 3 and Qwen 2 have.
    ///
    /// # Errors
    /// A vocabulary of another kind.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self, String> {
        let letters = byte_letters();
        let added = tokenizer.get_added_tokens_decoder();
        let size = tokenizer.get_vocab_size(true);
        let mut bytes = vec![None; size];
        for (text, id) in tokenizer.get_vocab(true) {
            let slot = bytes.get_mut(id as usize).ok_or_else(|| format!("token {id} is beyond its {size} tokens"))?;
            *slot = match added.get(&id) {
                Some(token) if token.special => None,
                Some(_) => Some(text.into_bytes()),
                None => {
                    let spelled: Option<Vec<u8>> = text.chars().map(|letter| letters.get(&letter).copied()).collect();
                    Some(spelled.ok_or_else(|| {
                        format!("token `{text}` is not byte-level; expected a tokenizer as Llama 3 or Qwen 2 have")
                    })?)
                }
            };
        }
        let mut nodes = vec![Node::default()];
        for (id, spelled) in bytes.iter().enumerate() {
            let Some(spelled) = spelled.as_ref().filter(|spelled| !spelled.is_empty()) else { continue };
            let mut at = 0;
            for &byte in spelled {
                at = child(&mut nodes, at, byte);
            }
            if let (Some(node), Ok(id)) = (nodes.get_mut(at), u32::try_from(id)) {
                node.tokens.push(id);
            }
        }
        Ok(Self { bytes, nodes })
    }

    /// Tokens that there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of a token.
    pub(super) fn bytes(&self, token: u32) -> Option<&[u8]> {
        self.bytes.get(token as usize)?.as_deref()
    }

    /// Tokens whose bytes an automaton takes from `state`, with the state after them.
    pub(super) fn taken<S: Copy>(&self, state: S, step: &impl Fn(S, u8) -> Option<S>) -> Vec<(u32, S)> {
        let mut found = Vec::new();
        let mut open = vec![(0u32, state)];
        while let Some((node, state)) = open.pop() {
            let Some(node) = self.nodes.get(node as usize) else { continue };
            for &(byte, child) in &node.children {
                let Some(next) = step(state, byte) else { continue };
                let tokens = self.nodes.get(child as usize).map_or(&[][..], |child| &child.tokens);
                found.extend(tokens.iter().map(|&token| (token, next)));
                open.push((child, next));
            }
        }
        found
    }
}

fn child(nodes: &mut Vec<Node>, at: usize, byte: u8) -> usize {
    let known =
        nodes.get(at).and_then(|node| node.children.iter().find(|(other, _)| *other == byte)).map(|(_, to)| *to);
    if let Some(known) = known {
        return known as usize;
    }
    let new = nodes.len();
    nodes.push(Node::default());
    if let (Some(node), Ok(to)) = (nodes.get_mut(at), u32::try_from(new)) {
        node.children.push((byte, to));
    }
    new
}

/// The letters that byte-level tokenizers write for bytes: printable ones for themselves, the others moved up.
fn byte_letters() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut moved = 0;
    (0..=255u8)
        .filter_map(|byte| {
            let letter = if printable(byte) {
                char::from(byte)
            } else {
                moved += 1;
                char::from_u32(255 + moved)?
            };
            Some((letter, byte))
        })
        .collect()
}
