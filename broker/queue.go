package broker

// queue is a heap whose items know their place in it, so that each can be moved
// or taken out in O(log n). The place counts from 1; 0 means not queued.
type queue[T any] struct {
	items []T
	less  func(a, b T) bool
	place func(T) *int32
}

func (q *queue[T]) put(item T) {
	at := int(*q.place(item)) - 1
	if at < 0 {
		at = len(q.items)
		q.items = append(q.items, item)
	}
	q.settle(at, item)
}

func (q *queue[T]) drop(item T) {
	at := int(*q.place(item)) - 1
	if at < 0 {
		return
	}
	*q.place(item) = 0
	end := len(q.items) - 1
	last := q.items[end]
	var zero T
	q.items[end] = zero
	q.items = q.items[:end]
	if at < end {
		q.settle(at, last)
	}
}

// settle puts an item where it belongs, from a place that is free.
func (q *queue[T]) settle(at int, item T) {
	for at > 0 && q.less(item, q.items[(at-1)/2]) {
		q.set(at, q.items[(at-1)/2])
		at = (at - 1) / 2
	}
	for {
		below := 2*at + 1
		if below+1 < len(q.items) && q.less(q.items[below+1], q.items[below]) {
			below++
		}
		if below >= len(q.items) || !q.less(q.items[below], item) {
			break
		}
		q.set(at, q.items[below])
		at = below
	}
	q.set(at, item)
}

func (q *queue[T]) set(at int, item T) {
	q.items[at] = item
	*q.place(item) = int32(at) + 1
}

// clear takes all out.
func (q *queue[T]) clear() {
	for _, item := range q.items {
		*q.place(item) = 0
	}
	q.items = nil
}

func (q *queue[T]) first() (T, bool) {
	if len(q.items) == 0 {
		var zero T
		return zero, false
	}
	return q.items[0], true
}

// firstOf returns the first item that is wanted; k unwanted ones before it cost
// O(k log n).
func (q *queue[T]) firstOf(wanted func(T) bool) (T, bool) {
	var aside []T
	defer func() {
		for _, item := range aside {
			q.put(item)
		}
	}()
	for {
		item, ok := q.first()
		if !ok || wanted(item) {
			return item, ok
		}
		q.drop(item)
		aside = append(aside, item)
	}
}
