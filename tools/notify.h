// SPDX-FileCopyrightText: The rsp authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// Tells a service manager that asked for it (systemd, Type=notify) that the program serves. Else nothing happens.
void notify_ready(void);
