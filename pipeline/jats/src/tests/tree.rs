//! The article said once more: a whole tree by another parser, walked in the plainest way. It keeps every mark, so it is
//! for articles whose marks are all in brackets or absent.

use quick_xml::events::Event;

/// An element or a text.
#[derive(Debug)]
pub(super) enum Node {
    Element { name: String, attributes: Vec<(String, String)>, children: Vec<Node> },
    Text(String),
}

impl Node {
    /// Name and children of an element.
    pub(super) fn element(&self) -> Option<(&str, &[Node])> {
        match self {
            Node::Element { name, children, .. } => Some((name, children)),
            Node::Text(_) => None,
        }
    }

    /// An attribute, empty where it is absent.
    pub(super) fn attribute(&self, wanted: &str) -> &str {
        let Node::Element { attributes, .. } = self else { return "" };
        attributes.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value)
    }
}

/// The tree of `xml`, its root.
pub(super) fn parse(xml: &str) -> Node {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut stack = vec![("".to_owned(), Vec::new(), Vec::new())];
    let open = |start: &quick_xml::events::BytesStart<'_>| {
        let attributes = start.attributes().map(|found| {
            let found = found.unwrap();
            (found.key.as_ref().to_owned(), found.value.into_owned())
        });
        (start.name().as_ref().to_owned(), attributes.collect::<Vec<(String, String)>>(), Vec::new())
    };
    loop {
        let text = match reader.read_event().unwrap() {
            Event::Start(start) => {
                stack.push(open(&start));
                continue;
            }
            Event::Empty(start) => {
                let (name, attributes, children) = open(&start);
                stack.last_mut().unwrap().2.push(Node::Element { name, attributes, children });
                continue;
            }
            Event::End(_) => {
                let (name, attributes, children) = stack.pop().unwrap();
                stack.last_mut().unwrap().2.push(Node::Element { name, attributes, children });
                continue;
            }
            Event::Text(text) => text.as_ref().to_owned(),
            Event::CData(text) => text.as_ref().to_owned(),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().unwrap() {
                Some(letter) => letter.to_string(),
                None => match reference.as_ref() {
                    "amp" => "&".to_owned(),
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "quot" => "\"".to_owned(),
                    "apos" => "'".to_owned(),
                    other => format!("&{other};"),
                },
            },
            Event::Eof => break,
            _ => continue,
        };
        stack.last_mut().unwrap().2.push(Node::Text(text));
    }
    let (_, _, mut top) = stack.pop().unwrap();
    let root = top.iter().position(|node| matches!(node, Node::Element { .. })).unwrap();
    top.swap_remove(root)
}

const LEFT_OUT: [&str; 26] = [
    "ref-list",
    "table",
    "disp-formula",
    "disp-formula-group",
    "supplementary-material",
    "fn",
    "fn-group",
    "table-wrap-foot",
    "ack",
    "bio",
    "notes",
    "sub-article",
    "response",
    "label",
    "object-id",
    "graphic",
    "media",
    "inline-graphic",
    "permissions",
    "alt-text",
    "long-desc",
    "kwd-group",
    "sec-meta",
    "related-article",
    "tex-math",
    "sig-block",
];
const BLOCKS: [&str; 10] =
    ["p", "list", "list-item", "def-list", "def-item", "def", "disp-quote", "title", "caption", "attrib"];

/// One step of the plain walk.
enum Step {
    Letters(String),
    Break(String),
    Aside(Vec<(String, String)>),
}

fn collapse(text: &str) -> String {
    text.split([' ', '\n', '\t', '\r']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn join(path: &str, heading: &str) -> String {
    let heading = heading.trim_end_matches([':', '.', ' ']);
    match (path, heading) {
        (path, "") => path.to_owned(),
        ("", heading) => heading.to_owned(),
        (path, heading) => format!("{path} > {heading}"),
    }
}

fn child_text(children: &[Node], wanted: &str) -> Option<String> {
    children.iter().find_map(|node| match node {
        Node::Element { name, children, .. } if name == wanted => Some(flat(children)),
        _ => None,
    })
}

/// The text of some nodes on one line.
pub(super) fn flat(nodes: &[Node]) -> String {
    let mut steps = Vec::new();
    nodes.iter().for_each(|node| walk(node, "", &mut steps));
    lines(steps).into_iter().map(|(_, line)| line).collect::<Vec<_>>().join(" ")
}

fn walk(node: &Node, path: &str, steps: &mut Vec<Step>) {
    let (name, children) = match node {
        Node::Text(text) => return steps.push(Step::Letters(text.clone())),
        Node::Element { name, children, .. } => (name.as_str(), children),
    };
    if LEFT_OUT.contains(&name) || node.attribute("sec-type") == "supplementary-material" {
        return;
    }
    match name {
        "sec" | "app" | "glossary" | "boxed-text" => {
            let own = join(path, &child_text(children, "title").unwrap_or_default());
            steps.push(Step::Break(path.to_owned()));
            for child in children {
                if !matches!(child, Node::Element { name, .. } if name == "title") {
                    walk(child, &own, steps);
                }
            }
            steps.push(Step::Break(own));
        }
        "fig" | "table-wrap" => {
            let default = if name == "fig" { "Figure" } else { "Table" };
            let label = child_text(children, "label").filter(|label| !label.is_empty());
            let own = join(path, &label.unwrap_or_else(|| default.to_owned()));
            let mut inner = Vec::new();
            for child in children.iter().filter(|child| matches!(child, Node::Element { .. })) {
                walk(child, &own, &mut inner);
            }
            inner.push(Step::Break(own));
            steps.push(Step::Aside(lines(inner)));
        }
        _ => {
            let is_block = BLOCKS.contains(&name);
            if is_block {
                steps.push(Step::Break(path.to_owned()));
            }
            if name == "break" {
                steps.push(Step::Letters(" ".to_owned()));
            }
            children.iter().for_each(|child| walk(child, path, steps));
            if is_block {
                steps.push(Step::Break(path.to_owned()));
            }
        }
    }
}

/// Lines with their path: a line ends at a break, what floated in it comes after it.
fn lines(mut steps: Vec<Step>) -> Vec<(String, String)> {
    steps.push(Step::Break(String::new()));
    let (mut found, mut open, mut asides) = (Vec::new(), String::new(), Vec::new());
    for step in steps {
        match step {
            Step::Letters(text) => open.push_str(&text),
            Step::Aside(lines) if collapse(&open).is_empty() => found.extend(lines),
            Step::Aside(lines) => asides.extend(lines),
            Step::Break(path) => {
                let line = collapse(&open);
                open.clear();
                if !line.is_empty() {
                    found.push((path, line));
                }
                found.append(&mut asides);
            }
        }
    }
    found
}

fn element<'n>(node: &'n Node, wanted: &str) -> Vec<&'n Node> {
    let Node::Element { children, .. } = node else { return Vec::new() };
    children.iter().filter(|child| matches!(child, Node::Element { name, .. } if name == wanted)).collect()
}

/// Path and line of every paragraph of body, floats and back of an article.
pub(super) fn paragraphs(xml: &str) -> Vec<(String, String)> {
    let root = parse(xml);
    let mut steps = Vec::new();
    for part in ["body", "floats-group", "back"] {
        for node in element(&root, part) {
            walk(node, "", &mut steps);
            steps.push(Step::Break(String::new()));
        }
    }
    lines(steps)
}
