/* SPDX-License-Identifier: Apache-2.0 */
/** @file A host that updates the gateway itself, image 0 of its link: own.conf behind prj.conf. */
#ifndef BSIM_OWN_H
#define BSIM_OWN_H

#include <zephyr/kernel.h>

/** The host's thread: uploads an image of the gateway's own, marks it; a device's image is tried too. Prints each answer. */
void own_update(struct k_sem *wake);

#endif
