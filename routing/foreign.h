// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// What to say of a word that is known from other programs (foreign.def): static text, or NULL. A hint_fn.
const char *foreign_hint(const char *name);
