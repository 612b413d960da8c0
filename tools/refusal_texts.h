/* One sentence for each status of protocol/status.h, as templates of text.h: what was wrong, where, what to do. A status without a line here does not compile
 * (refusal.c). */
#ifndef TOOLS_REFUSAL_TEXTS_H
#define TOOLS_REFUSAL_TEXTS_H

#include "tools/text.h"

#define REFUSAL_OK N_("Done.")
/* the call itself */
#define REFUSAL_NO_MEMORY N_("This PC has no memory left. Close other programs and try again.")
#define REFUSAL_USAGE N_("The command was not understood.")
#define REFUSAL_TIMEOUT \
    N_("No answer came in time[ ({wait} s)].[ {stored_above} of {written} entries are stored at the level above.] What was entered is kept here and goes up " \
       "by itself when the line is back.")
#define REFUSAL_NOT_FOUND N_("Not found[: {what}].")
#define REFUSAL_UNKNOWN_REQUEST \
    N_("The running hoid does not know this request[ ({request})]: hoi and hoid are of different versions. Restart hoid after an update.")
#define REFUSAL_BAD_REQUEST N_("The request was not well formed[: {what}].")
#define REFUSAL_TOO_LARGE N_("Too large[: {file}, line {line}][: {what}][ (at most {limit})]. Divide it into smaller parts.")
#define REFUSAL_BUSY N_("The other side is busy. Try again in a minute.")
#define REFUSAL_INTERNAL N_("Something went wrong inside hoi[: {what}]. Nothing was changed. Please report it with this number.")
#define REFUSAL_RIGHT_MISSING \
    N_("[You are “{account}” on this PC. ]This account may not do this[ ({request})][: it lacks the right “{right}”]. It is for root or the owner of the node's directory[ ({owner})] to do, " \
       "or to give[: `hoi config local.{account} {give}`].")
/* bytes */
#define REFUSAL_MALFORMED N_("The data is damaged or was not written by hoi.")
#define REFUSAL_TRUNCATED N_("The data ends too early: it was not copied in full.")
#define REFUSAL_TRAILING N_("There is something behind the end of the data: it was changed on the way.")
#define REFUSAL_VERSION_UNKNOWN N_("The data was written by a newer version of hoi. Update hoi on this PC.")
#define REFUSAL_CRITICAL_EXTENSION N_("The data needs something that this version of hoi does not know. Update hoi on this PC.")
#define REFUSAL_HASH_MISMATCH N_("The data was changed on the way: its checksum does not fit.")
#define REFUSAL_SIGNATURE_BAD N_("The signature is not genuine.")
#define REFUSAL_CHANGE_UNKNOWN N_("This kind of change is not known to this version of hoi: it is kept, and applied after an update.")
#define REFUSAL_COMPRESSION_BAD N_("Compressed data is damaged.")
/* trust and logs */
#define REFUSAL_ASSOCIATION_OTHER N_("That belongs to another association.")
#define REFUSAL_AUTHOR_UNKNOWN N_("The office that wrote this is not known here yet. It is tried again by itself when its admission comes.")
#define REFUSAL_NOT_ENTITLED N_("This office is not entitled to it.")
#define REFUSAL_GAP N_("Something written before it is still missing. It is tried again by itself.")
#define REFUSAL_FORK N_("Another entry stands at this place: a disk was copied or a key was used twice. Tell the level above.")
#define REFUSAL_OUTSIDE_AUTHORITY N_("This office may act only for its own unit and the units below it[, not for {unit}].")
#define REFUSAL_LINE_BROKEN N_("The line of units from here to the root is not complete yet. Synchronise first: `hoi sync`.")
#define REFUSAL_TOKEN_UNKNOWN N_("The token is not known there. Ask the level above for a new one: `hoi invite CODE`.")
#define REFUSAL_TOKEN_USED N_("The token was used by another PC already. Ask the level above for a new one: `hoi invite CODE`.")
#define REFUSAL_TOKEN_MALFORMED \
    N_("[Group {group} of the token is wrong (counted after “hoi1-”). ]The token has a slip of the pen, or is not complete. Copy it again, from “hoi1-” to its end.")
#define REFUSAL_TOKEN_EXPIRED \
    N_("The token has expired, by the clock of the level above. Ask there for a new one: `hoi invite CODE`.")
#define REFUSAL_JOIN_FILE_WRONG \
    N_("[{path} ]is damaged, or not the file that is needed here[: {expected}]. The new office writes a request (`hoi join --write-request FILE`), the level above "      \
       "answers it with an admission (`hoi invite CODE --request FILE -o ADMISSION`).")
#define REFUSAL_JOIN_OTHER_PC \
    N_("This admission is for another PC, or for keys that are no longer in this directory. Write a request here again: `hoi join --write-request FILE`.")
#define REFUSAL_KEY_ELSEWHERE \
    N_("This PC stands for another unit already, another office has admitted it, or its key was shut out[ ({unit} was asked for)]. One directory acts for one unit: `hoi join` in " \
       "another one, which is empty.")
#define REFUSAL_ROOT_OTHER \
    N_("The level above shows another log of the root than the invitation named: one of the two has been forged or put back from an old copy. Enter nothing here, and ask " \
       "the central office.")
#define REFUSAL_KEY_DAMAGED \
    N_("The key file of this node is damaged[: {path}]. Restore the directory from a backup, or join again with a new token from the level above.")
#define REFUSAL_KEY_REVOKED \
    N_("The key of this PC was shut out by the level above: what it signs counts nowhere any more. Make a backup here (`hoi backup FILE`), ask the level above for a new token, " \
       "`hoi join` with it in an empty directory, and `hoi restore FILE` there: what was not counted yet is written again.")
#define REFUSAL_KEY_UNSAFE \
    N_("The key file[ {path}] or its directory is open to other people, or belongs to somebody else, or is a link. Make them this user's alone first: chmod 700 for the " \
       "directory, chmod 600 for the file.")
#define REFUSAL_AUTHOR_CUT N_("The office that wrote this was shut out by the level above before that.")
#define REFUSAL_REQUEST_ONLY N_("This is about an office PC that stands above the one which wrote it: it is kept as a request, the level above decides.")
#define REFUSAL_HANDED_OVER N_("Written by the former level above after the unit had been handed over: it waits until the new level above accepts it.")
#define REFUSAL_HANDOVER_EMPTY N_("A handover of a unit that was never moved there. Move the unit first.")
#define REFUSAL_STRUCTURE_CYCLE N_("This would put a unit below itself. It is kept, and does not count.")
#define REFUSAL_PASSPHRASE_WRONG N_("That is not the passphrase of this key. Nothing was changed. Capital letters and the keyboard's language count.")
#define REFUSAL_PASSPHRASE_WEAK N_("A passphrase has 10 to 1000 characters: four or five words that nobody says together are a good one.")
/* what people enter */
#define REFUSAL_UNIT_UNKNOWN N_("There is no unit[ “{unit}”] here. `hoi unit list` shows the units.")
#define REFUSAL_UNIT_AMBIGUOUS \
    N_("[“{unit}” can mean several units][: {candidates}]. Name the unit by its code, as PARENT/NAME, or by six or more characters of its id.")
#define REFUSAL_UNIT_OUTSIDE N_("The unit[ “{unit}”] does not stand under this office.")
#define REFUSAL_UNIT_EXISTS N_("The code[ “{code}”] is in use already[ by {name}].")
#define REFUSAL_LEVEL_UNKNOWN N_("There is no level[ “{level}”]. Give its number (0 is the root) or its name: central, province, district, commune, chapter.")
#define REFUSAL_LEVEL_WRONG N_("The level[ {level}] does not fit here: a unit stands below its parent[ (level {parent_level})].")
#define REFUSAL_FORM_UNKNOWN N_("There is no form[ “{form}”] here. `hoi form list` shows the forms.")
#define REFUSAL_FORM_AMBIGUOUS N_("Several offices issued a form[ “{form}”][: {candidates}]. Name it with its issuer: NAME@CODE.")
#define REFUSAL_FORM_INVALID N_("The form has mistakes[: {what}]; nothing was added.")
#define REFUSAL_FORM_CHANGED N_("A new version may not change this about a form that is in use[: {path}]. Take a new field name, or a new form.")
#define REFUSAL_FIELD_UNKNOWN N_("The form[ “{form}”] has no field[ “{field}”]. `hoi form show NAME` lists its fields.")
#define REFUSAL_PERIOD_INVALID N_("[{what}. ][“{period}” is not a period. ]A period is written 2025-06, 2025-Q2, 2025-H1, 2025-9M, 2025 or 2021-2026.")
#define REFUSAL_PERIOD_WRONG_KIND N_("[The period {period} does not fit: ]the form[ “{form}”] is reported by another kind of period[: {expected}].")
#define REFUSAL_VALUE_INVALID N_("[{field}: ][“{read}” ]cannot be read[; expected: {expected}].")
#define REFUSAL_VALUE_RANGE N_("[{field}: ][{read} ]is outside what is allowed[; expected: {expected}].")
#define REFUSAL_VALUE_AMBIGUOUS N_("[{field}: ][“{read}” ]can be read in two ways: the dot or comma may divide thousands or decimals[; expected: {expected}].")
#define REFUSAL_FIELD_COMPUTED N_("The field[ “{field}”] is computed from others and cannot be entered.")
#define REFUSAL_ROW_NEEDED N_("The form[ “{form}”] is a list: say which row (--row KEY, or the column “row”).")
#define REFUSAL_ROW_UNWANTED N_("The form[ “{form}”] has no rows: leave out --row and the column “row”.")
#define REFUSAL_UNIT_NOT_REPORTING N_("Units of this level do not report this form[ (unit {unit}, form {form})].")
#define REFUSAL_REASON_NEEDED \
    N_("A reason is needed here[ ({unit})]: --reason TEXT to correct another unit's record, or what an office above corrected; --on-behalf for another " \
       "unit's " \
       "first entry.")
#define REFUSAL_RECORD_EXISTS N_("The record[ of {unit}] is begun already: correct it with --reason TEXT.")
#define REFUSAL_RECORD_OVERTAKEN N_("The record was changed meanwhile. Look at it again with `hoi show`, then enter it.")
#define REFUSAL_FILE_REJECTED N_("The file[ {file}] has mistakes[ (line {line}): {what}]. Nothing was imported.")
#define REFUSAL_COLUMN_UNKNOWN \
    N_("[The column “{column_name}” is ]neither unit, period or row nor a field of the form. Correct the header line, or pass such columns over with " \
       "--ignore-columns.")
#define REFUSAL_SUM_OVERFLOW N_("The sum[ of {field}] is too large to be written.")
#define REFUSAL_CODE_CHANGED_MEANING \
    N_("The code[ “{unit}”] meant another unit then[: {then}; today: {now}]. Name the unit by its id, or say which date is meant: --codes-as-of DATE.")
#define REFUSAL_SELECTOR_INVALID N_("[“{selector}” is ]not a selector. Write 560 (a unit), 560/* (with all below it) or 560/level:3, joined by commas.")
#define REFUSAL_CONFIG_UNKNOWN N_("There is no setting[ “{key}”]. `hoi config` shows the settings.")
#define REFUSAL_CONFIG_INVALID N_("[{value} is ]no value for the setting[ “{key}”][; expected: {expected}].")
#define REFUSAL_TEXT_INVALID N_("The text is not in UTF-8[: {file}, line {line}]. In Excel: “Save as”, type “CSV UTF-8 (comma delimited)”.")
#define REFUSAL_DATE_INVALID N_("[{field}: ][“{read}” is ]not a date. Write 30/06/2025 or 2025-06-30.")
#define REFUSAL_HEADER_LINE_INVALID N_("The header line[ of {file}] was not understood[: {what}].")
#define REFUSAL_CELL_DUPLICATE N_("[{field}: ]given twice[; first in line {first_line}].")
#define REFUSAL_REACH_NARROWED N_("Who may read a record cannot be narrowed afterwards.")
/* store and disk */
#define REFUSAL_STORE_MISSING N_("There is no node in the directory[ {dir}]. Begin with `hoi init` or `hoi join -`, or name the right directory with --dir.")
#define REFUSAL_STORE_EXISTS N_("There is something already[: {path}]. Nothing was changed.")
#define REFUSAL_STORE_LOCKED N_("Another program has the store open[ (process {holder})][: {dir}]. Wait until it has finished.")
#define REFUSAL_STORE_DAMAGED \
    N_("The store[ {dir}] is damaged. Do not write into it any more: run `hoi check`, and restore it from a backup or from the level above.")
#define REFUSAL_STORE_NEWER N_("The store[ {dir}] was written by a newer version of hoi. Update hoi on this PC.")
#define REFUSAL_DISK_FULL N_("The disk is full. Nothing was changed. Make room and try again.")
#define REFUSAL_DISK_ERROR N_("The disk gave an error[: {path}]. Nothing was changed. Check the disk.")
#define REFUSAL_PERMISSION \
    N_("You may not read or write here[: {path}]. Name a directory of your own with --dir DIR (or in HOI_DIR), or ask whoever looks after this PC.")
#define REFUSAL_FILE_UNREADABLE N_("The file cannot be read[: {file}].")
#define REFUSAL_FILE_UNWRITABLE N_("The file cannot be written[: {file}].")
#define REFUSAL_NODE_UNKNOWN N_("There is no node[ “{node}”] here, or several begin so. `hoi node list` shows them; six or more characters name one.")
#define REFUSAL_RECOVERY_KEYS N_("These are not the recovery keys that are needed[: {needed} different ones of this association]. Nothing was changed.")
#define REFUSAL_RECOVERY_NONE N_("This association was founded without recovery keys: nobody can do this.")
#define REFUSAL_BACKUP_INVALID N_("The file[ {file}] is no backup of hoi, or a damaged one. Nothing was changed.")
#define REFUSAL_BACKUP_OTHER \
    N_("The backup[ {file}] is of another office, or of another key than the one here[: {dir}]. Nothing was changed. `hoi node import-key` brings back the key that belongs to it.")
/* other offices */
#define REFUSAL_NO_UPLINK N_("No level above is set. The root has none; elsewhere: `hoi join -` or `hoi config uplink tcp://HOST:PORT`.")
#define REFUSAL_NO_DAEMON N_("The daemon hoid does not answer[: {dir}]. Start it: hoid --dir DIR.")
#define REFUSAL_JOIN_REFUSED N_("The level above refused to let this PC join. Ask it for a new token.")
#define REFUSAL_PEER_PROTOCOL N_("The other office answered in a way that is not allowed. One of the two may need an update.")
#define REFUSAL_ADDRESS_INVALID N_("[“{address}” is ]not an address at which another office can be reached. Write tcp://HOST:PORT.")
#define REFUSAL_ALREADY_JOINED N_("The directory[ {dir}] belongs to a node already. Take an empty directory.")
#define REFUSAL_ADDRESS_IN_USE N_("The address[ {address}] is used by another program on this PC. Choose another port.")

#endif
