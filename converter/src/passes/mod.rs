//! `Graph -> Graph`: one rewrite a file.
