//! Who calls whom in a static library: functions are sections, calls are relocations.

use crate::symbols::{is_loaded, is_panic, plain};
use object::read::archive::ArchiveFile;
use object::{File, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The objects of a static library.
pub struct Archive<'d> {
    objects: Vec<File<'d>>,
    /// Object and section of every global name.
    defined: BTreeMap<&'d str, Place>,
}

/// An object and a section of it.
type Place = (usize, SectionIndex);

/// A function that refers to a panic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// Who.
    pub function: String,
    /// To what.
    pub panic: String,
}

/// What can be reached from a function.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Names of functions and of data, and what is referred to but not defined.
    pub names: BTreeSet<String>,
    /// References to panics, and how many there are of each.
    pub panic_sites: BTreeMap<Site, usize>,
    /// Bytes of code and constants.
    pub bytes: u64,
}

impl<'d> Archive<'d> {
    /// Reads a static library.
    pub fn read(data: &'d [u8]) -> Result<Self, object::Error> {
        let mut objects = Vec::new();
        for member in ArchiveFile::parse(data)?.members() {
            let bytes = member?.data(data)?;
            // Rust's metadata is a member too, and not an object.
            if let Ok(object) = File::parse(bytes) {
                objects.push(object);
            }
        }
        let mut defined = BTreeMap::new();
        for (index, object) in objects.iter().enumerate() {
            for symbol in object.symbols().filter(|s| s.is_global() && s.is_definition()) {
                if let (Ok(name), Some(section)) = (symbol.name(), symbol.section_index()) {
                    // As for a linker: the first member that defines a name wins.
                    defined.entry(name).or_insert((index, section));
                }
            }
        }
        Ok(Self { objects, defined })
    }

    /// Follows every reference from the function called `root`; `None` if there is no such function.
    pub fn reach(&self, root: &str) -> Option<Reached> {
        self.reach_without(root, &|_| false)
    }

    /// As [`Self::reach`], but does not look into functions that are left out by name: what they alone refer to is not reached.
    pub fn reach_without(&self, root: &str, left_out: &dyn Fn(&str) -> bool) -> Option<Reached> {
        let root = *self.defined.get(root)?;
        let mut reached = Reached::default();
        let mut seen = HashSet::from([root]);
        let mut todo = vec![root];
        while let Some((index, section)) = todo.pop() {
            let object = &self.objects[index];
            let Ok(section) = object.section_by_index(section) else { continue };
            if is_loaded(&section) && section.file_range().is_some() {
                reached.bytes += section.size();
            }
            let function = self.name_of(index, section.index());
            reached.names.insert(function.clone());
            if left_out(&function) {
                continue;
            }
            for (_, relocation) in section.relocations() {
                let (name, place) = self.target(index, relocation.target());
                if is_panic(&name) && !is_panic(&function) {
                    *reached
                        .panic_sites
                        .entry(Site { function: function.clone(), panic: name.clone() })
                        .or_default() += 1;
                }
                match place {
                    Some(place) if seen.insert(place) => todo.push(place),
                    Some(_) => {}
                    None => drop(reached.names.insert(name)),
                }
            }
        }
        Some(reached)
    }

    /// What a relocation refers to, and where that is, if it is in the library.
    fn target(&self, object: usize, target: RelocationTarget) -> (String, Option<Place>) {
        match target {
            RelocationTarget::Symbol(symbol) => match self.objects[object].symbol_by_index(symbol) {
                Ok(symbol) => {
                    let name = symbol.name().unwrap_or_default();
                    let here = symbol.section_index().map(|section| (object, section));
                    let place = here.or_else(|| self.defined.get(name).copied());
                    let name = match place {
                        Some(place) if name.is_empty() => self.name_of(place.0, place.1),
                        _ => plain(name),
                    };
                    (name, place)
                }
                Err(_) => (String::new(), None),
            },
            RelocationTarget::Section(section) => (self.name_of(object, section), Some((object, section))),
            _ => (String::new(), None),
        }
    }

    /// The function in a section, or the section's own name.
    fn name_of(&self, object: usize, section: SectionIndex) -> String {
        let object = &self.objects[object];
        let inside = object.symbols().filter(|s| s.section_index() == Some(section));
        // Arm's marks of code and data, and RISC-V's labels within functions, are no names.
        let is_name = |name: &&str| !name.is_empty() && !name.starts_with(['$', '.']);
        let mut names = inside.filter_map(|s| s.name().ok()).filter(is_name);
        let own = || object.section_by_index(section).ok()?.name().ok().map(str::to_owned);
        names.next().map(plain).or_else(own).unwrap_or_default()
    }
}
