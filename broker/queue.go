package broker

import "container/heap"

// queue is a heap whose items know their place in it, so that each can be moved
// or taken out in O(log n). The place counts from 1; 0 means not queued.
type queue[T any] struct {
	items []T
	less  func(a, b T) bool
	place func(T) *int
}

func (q *queue[T]) put(item T) {
	if at := *q.place(item); at > 0 {
		heap.Fix(q, at-1)
		return
	}
	heap.Push(q, item)
}

func (q *queue[T]) drop(item T) {
	if at := *q.place(item); at > 0 {
		heap.Remove(q, at-1)
	}
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

// Len is part of heap.Interface, as are the next four.
func (q *queue[T]) Len() int           { return len(q.items) }
func (q *queue[T]) Less(i, j int) bool { return q.less(q.items[i], q.items[j]) }

// Swap exchanges two items.
func (q *queue[T]) Swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	*q.place(q.items[i]), *q.place(q.items[j]) = i+1, j+1
}

// Push appends an item.
func (q *queue[T]) Push(x any) {
	item := x.(T)
	q.items = append(q.items, item)
	*q.place(item) = len(q.items)
}

// Pop takes the last item.
func (q *queue[T]) Pop() any {
	var zero T
	end := len(q.items) - 1
	item := q.items[end]
	q.items[end] = zero
	q.items = q.items[:end]
	*q.place(item) = 0
	return item
}
