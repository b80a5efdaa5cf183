//! The interrupt part of the vector table: one entry, the least that cortex-m-rt accepts, because nothing here enables an
//! interrupt. It would be a kilobyte otherwise.

unsafe extern "C" {
    fn DefaultHandler();
}

// SAFETY: the section is where cortex-m-rt's linker script wants this symbol, and the handler is the one that it defines
// for every interrupt without another.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
static __INTERRUPTS: [unsafe extern "C" fn(); 1] = [DefaultHandler];
