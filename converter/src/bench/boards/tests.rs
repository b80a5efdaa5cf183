use super::*;

fn shipped() -> Vec<Board> {
    Board::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware")).unwrap()
}

#[test]
fn names_and_aliases_are_unique_and_the_folder_is_a_name() {
    let boards = shipped();
    let mut names: Vec<_> = boards.iter().flat_map(Board::names).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    for board in &boards {
        assert_eq!(board.folder.file_name().and_then(|n| n.to_str()), Some(board.name.as_str()));
    }
    assert!(names.contains(&"qemu-cortex-m4"));
}

fn text(board: &Board, file: &str) -> String {
    let path = board.folder.join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The number in `const NAME: TYPE = NUMBER;`, from the first of the board's files that is there and has one.
fn constant(board: &Board, name: &str, files: &[&str]) -> u32 {
    let value = |line: &str| {
        let (declared, value) = line.trim_start().trim_start_matches("pub ").strip_suffix(';')?.split_once(" = ")?;
        declared.starts_with(&format!("const {name}: u")).then(|| value.replace('_', ""))
    };
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(board.folder.join(file)).ok());
    let digits = texts.into_iter().find_map(|text| text.lines().find_map(value));
    let digits = digits.unwrap_or_else(|| panic!("{}: no {name} in {files:?}", board.name));
    let hex = digits.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
    hex.unwrap_or_else(|| digits.parse()).unwrap()
}

/// Start and bytes of a region in a linker script: `NAME (rwx) : ORIGIN = 0x20000000, LENGTH = 264K - 0x100`.
fn region(board: &Board, name: &str) -> (u32, u32) {
    let script = text(board, "memory.x");
    let line = script.lines().find(|line| line.split_whitespace().next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("{}: no region {name}", board.name));
    let (origin, length) = line.split_once("ORIGIN = ").unwrap().1.split_once(", LENGTH = ").unwrap();
    let number = |text: &str| {
        let unit = [("K", 1 << 10), ("M", 1 << 20)].into_iter().find(|(letter, _)| text.ends_with(letter));
        let hex = text.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16).unwrap());
        let decimal = || text.trim_end_matches(['K', 'M']).parse::<u32>().unwrap() * unit.map_or(1, |(_, bytes)| bytes);
        hex.unwrap_or_else(decimal)
    };
    let mut parts = length.split(" - ").map(number);
    let whole = parts.next().unwrap();
    (number(origin), parts.fold(whole, |bytes, less| bytes - less))
}

#[test]
fn board_files_agree_with_linker_scripts_and_sources() {
    for board in shipped() {
        let memory = board.memory;
        if board.qemu.is_some() {
            assert_eq!(region(&board, "MODEL"), (memory.model_address, memory.model_bytes), "{}", board.name);
            assert_eq!(region(&board, "JOB"), (memory.job_address, memory.job_bytes), "{}", board.name);
        }
        assert_eq!(
            constant(&board, "ARENA_BYTES", &["src/main.rs", "src/lib.rs"]),
            memory.arena_bytes,
            "{}",
            board.name
        );
        assert!(memory.arena_bytes < memory.ram_bytes, "{}", board.name);
        let said = format!("NAME: &'static str = \"{}\"", board.name);
        let sources = ["src/main.rs", "src/lib.rs"].map(|file| board.folder.join(file)).into_iter();
        let mut sources = sources.filter_map(|path| std::fs::read_to_string(path).ok());
        assert!(sources.any(|source| source.contains(&said)), "{}", board.name);
        let config = text(&board, ".cargo/config.toml");
        assert!(config.contains(&format!("target = \"{}\"", board.target)), "{}", board.name);
        let package = format!("name = \"{}\"", board.package);
        assert_eq!(text(&board, "Cargo.toml").matches(&package).count(), 2, "{}: package and image", board.name);
    }
}

#[test]
fn linker_scripts_have_the_memory_that_board_files_say() {
    for board in shipped().into_iter().filter(|board| board.folder.join("memory.x").is_file()) {
        assert_eq!(region(&board, "RAM").1, board.memory.ram_bytes, "{}", board.name);
        let (start, bytes) = region(&board, "FLASH");
        let (model, flash_bytes) = (board.memory.model_address, board.memory.flash_bytes);
        // Less than the whole where something lies before the program, as the RP2040's second boot stage does.
        assert!((flash_bytes - 0x100..=flash_bytes).contains(&bytes), "{}: {bytes:#x}", board.name);
        assert!(start + bytes <= model || model + board.memory.model_bytes <= start, "{}", board.name);
    }
}

#[test]
fn partition_tables_have_the_store_that_board_files_say() {
    let has_partitions = |board: &Board| board.folder.join("partitions.csv").is_file();
    for board in shipped().into_iter().filter(has_partitions) {
        let table = text(&board, "partitions.csv");
        let place = |name: &str| {
            let mut rows = table.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
            let row = rows.find(|row| row.first() == Some(&name)).unwrap();
            let number = |at: usize| u32::from_str_radix(row[at].strip_prefix("0x").unwrap(), 16).unwrap();
            (number(3), number(4))
        };
        let store = board.store.unwrap();
        let bytes = store.log_address() + store.log_bytes - store.address;
        assert_eq!(place("models"), (store.address, bytes), "{}", board.name);
        assert_eq!(place("factory").1, board.memory.flash_bytes, "{}", board.name);
    }
}

#[test]
fn emulated_services_have_the_store_and_the_clock_that_board_files_say() {
    for board in shipped().into_iter().filter(|board| board.qemu.is_some()) {
        let (store, clock, qemu) = (board.store.unwrap(), board.clock.unwrap(), board.qemu.as_ref().unwrap());
        let says = |name: &str| constant(&board, name, &["../emulated-common/src/flash.rs"]);
        // The image's own, the board's, or that of most.
        let hz_in = ["src/bin/service.rs", "src/service.rs", "../mps2-common/src/lib.rs"];
        let hz = constant(&board, "TICKS_PER_SECOND", &hz_in);
        assert_eq!(store.address, board.memory.model_address, "{}", board.name);
        assert_eq!((store.slot_bytes, store.log_bytes), (says("SLOT_BYTES"), says("LOG_BYTES")), "{}", board.name);
        assert!(store.log_address() + store.log_bytes <= store.address + board.memory.model_bytes, "{}", board.name);
        assert_eq!(clock.hz, hz, "{}", board.name);
        // An instruction takes a nanosecond.
        assert_eq!(qemu.instructions_per_tick * u64::from(clock.hz), 1_000_000_000, "{}", board.name);
    }
}

#[test]
fn real_boards_have_the_store_the_clock_and_the_probe_that_board_files_say() {
    let boards: Vec<_> = shipped().into_iter().filter(|board| board.qemu.is_none()).collect();
    assert!(boards.len() >= 4, "{}", boards.len());
    for board in boards {
        let (store, clock) = (board.store.unwrap(), board.clock.unwrap());
        let says = |name: &str| constant(&board, name, &["src/main.rs"]);
        let declared = (says("STORE_ADDRESS"), says("SLOT_BYTES"), says("LOG_BYTES"));
        assert_eq!((store.address, store.slot_bytes, store.log_bytes), declared, "{}", board.name);
        assert_eq!((store.address, store.slot_bytes), (board.memory.model_address, board.memory.model_bytes));
        assert_eq!(clock.hz, says("TICKS_PER_SECOND"), "{}", board.name);
        let chip = &board.probe.as_ref().unwrap().chip;
        let config = text(&board, ".cargo/config.toml");
        let words: Vec<_> = config.split([' ', '"', '\n']).collect();
        assert!(words.windows(2).any(|pair| pair == ["--chip", chip.as_str()]), "{}: {config}", board.name);
        let page = text(&board, "README.md");
        assert!(page.contains("not run on hardware"), "{}: what is known of it", board.name);
        assert!(page.contains(&format!("--board {}", board.name)), "{}", board.name);
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let text = Board::find("esp99").unwrap_err().to_string();
    assert!(text.contains("esp99") && text.contains("qemu-cortex-m4"), "{text}");
}
