# SPDX-License-Identifier: LGPL-2.1-or-later
# what: UC- with WP is UC
# file: cpu/memtype.h
# caught-by: memtype_test
/  \/\/ WP$/s/WP, WC }/WP, UC }/
