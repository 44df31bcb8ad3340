/* Hashing and interning of texts that come from a file. Depends on GLib only. */
#pragma once

#include <glib.h>

/* For GHashTable, with g_str_equal(): keyed by a number that differs from run to run, so that a
 * file cannot choose thousands of names that fall into one place, as it can with g_str_hash(). */
guint gonio_text_hash (gconstpointer text);

/* The one copy of a text, valid for ever: equal texts have the same address. As g_intern_string(),
 * but as fast with texts that were chosen to be slow. Any thread. */
const char *gonio_intern (const char *text);
