#pragma once
// Carries a value of any type through autograd's saved state, which holds only IValues.

#include <torch/types.h>

#include <utility>

namespace retmask {

template <typename T>
struct Boxed : torch::CustomClassHolder {
  explicit Boxed(T held) : value(std::move(held)) {}
  T value;
};

template <typename T>
c10::intrusive_ptr<Boxed<T>> box(T value) {
  return c10::make_intrusive<Boxed<T>>(std::move(value));
}

// The value that saved_data holds as c10::IValue::make_capsule(held).
template <typename T>
const T& value_of(const c10::IValue& capsule) {
  return c10::static_intrusive_pointer_cast<Boxed<T>>(capsule.toCapsule())->value;
}

}  // namespace retmask
