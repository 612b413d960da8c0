"""Forms, periods and cells: which versions of forms stand, what of a put fits its form, and what its cells mean (docs/protocol.md 5.4, 6).

Pure: knows members of changes as lines.py reads them, and nothing of who may write them.
"""
import datetime
from collections import namedtuple

# What a form change says; levels and fields are tuples.
Form = namedtuple('Form', 'version form issuer name previous period window list reach policy levels fields')
Field = namedtuple('Field', 'name type places measure choices')
# A touched cell; kind is i, b or t of a value
Cell = namedtuple('Cell', 'ordinal period row state kind value qualifier')

INTEGER, DECIMAL, MONEY, TEXT, YESNO, CHOICE, DATE, COMPUTED = range(1, 9)
MONTH, QUARTER, HALF, NINE_MONTHS, YEAR, TERM, SCHOOL_YEAR, AD_HOC = range(1, 9)
VALUE = 3
OFFICIAL = 2
EPOCH = datetime.date(1970, 1, 1).toordinal()
DAYS = (datetime.date(1, 1, 1).toordinal() - EPOCH, datetime.date(9999, 12, 31).toordinal() - EPOCH)


def follows(form, before):
    """Does what stood keep its meaning?"""
    if (form.issuer, form.name, form.period, form.window, form.list) != (before.issuer, before.name, before.period, before.window, before.list):
        return False
    if form.reach > before.reach:
        return False
    now = {f.name: f for f in form.fields}
    for old in before.fields:
        f = now.get(old.name)
        if f is None or (f.type, f.measure) != (old.type, old.measure) or f.type != COMPUTED and f.places != old.places:
            return False
        if not set(old.choices) <= set(f.choices):
            return False
    return True


def period_fits(kind, ordinal):
    if kind == AD_HOC:
        try:
            return 1900 <= datetime.date(ordinal // 10000, ordinal // 100 % 100, ordinal % 100).year <= 2099
        except ValueError:
            return False
    if kind == TERM:
        return 1900 <= ordinal // 1000 and ordinal // 1000 + ordinal % 1000 <= 2099
    return 1900 <= ordinal // {MONTH: 12, QUARTER: 4, HALF: 2}.get(kind, 1) <= 2099


def last_day(form, ordinal):
    """The last day of a period that fits, as days since 1970."""
    kind = form.period
    if kind == AD_HOC:
        return datetime.date(ordinal // 10000, ordinal // 100 % 100, ordinal % 100).toordinal() - EPOCH
    year, month = {MONTH: (ordinal // 12, ordinal % 12 + 1), QUARTER: (ordinal // 4, ordinal % 4 * 3 + 3), HALF: (ordinal // 2, ordinal % 2 * 6 + 6),
                   NINE_MONTHS: (ordinal, 9), TERM: (ordinal // 1000 + ordinal % 1000, 12), SCHOOL_YEAR: (ordinal + 1, 8)}.get(kind, (ordinal, 12))
    if form.window == OFFICIAL and kind not in (TERM, SCHOOL_YEAR):
        return datetime.date(year, month, 14).toordinal() - EPOCH
    following = datetime.date(year + month // 12, month % 12 + 1, 1)
    return following.toordinal() - 1 - EPOCH


def cell_fits(cell, field):
    number = field.type in (INTEGER, DECIMAL, MONEY)
    if field.type == COMPUTED or cell.state == VALUE and cell.qualifier and not number:
        return False
    if cell.state != VALUE:
        return True
    if field.type in (TEXT, YESNO):
        return cell.kind == ('t' if field.type == TEXT else 'b')
    if field.type == CHOICE:
        return cell.kind == 'i' and 0 <= cell.value < len(field.choices)
    return cell.kind == 'i' and (field.type != DATE or DAYS[0] <= cell.value <= DAYS[1])


def fits(cells, form):
    return all(period_fits(form.period, c.period) and bool(c.row) == form.list and c.ordinal < len(form.fields) and
               cell_fits(c, form.fields[c.ordinal]) for c in cells)


def meaning(cell, form):
    """(state, value, qualifier) as it is the same in every version of the form: a choice by its code."""
    if cell.state != VALUE:
        return (cell.state, None, 0)
    if form.fields[cell.ordinal].type == CHOICE:
        return (VALUE, form.fields[cell.ordinal].choices[cell.value], 0)
    return (VALUE, bool(cell.value) if cell.kind == 'b' else cell.value, cell.qualifier)
